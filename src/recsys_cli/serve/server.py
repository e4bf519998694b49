"""Runs the application under uvicorn, in one process or several."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.config import Config
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import available
from recsys_cli.errors import ArtifactError, Command, RecsysError
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    from fastapi import FastAPI

_BACKLOG = 2048
_FILES = 65_536
_GRACE_SECONDS = 10
_PATIENCE_SECONDS = 60
"""How long a process may not answer its parent, such as while it loads."""


def check_ready(workspace: Workspace, config: Config, datasets: Sequence[str]) -> None:
    """Refuse to serve where nothing can be recommended, or under rules that cannot be.

    Raises:
        ArtifactError: no dataset has what any strategy needs.
        ConfigError: a rule names a column, a value or an item that there is not.
    """
    opened = [Artifacts(workspace, name, config=config) for name in datasets]
    if not any(artifacts.has("ids") and available(artifacts) for artifacts in opened):
        raise ArtifactError(
            f"there is nothing to serve: nothing is built for {', '.join(datasets)}",
            hint=Command("build", "all"),
        )
    for artifacts in opened:
        if artifacts.has("ids"):
            engine = Engine(workspace, artifacts.dataset, config=config, artifacts=artifacts)
            _ = engine.rules


def bind(host: str, port: int) -> socket.socket:
    """A socket to listen on.

    Raises:
        RecsysError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        raise RecsysError(
            f"cannot listen on {host}:{port}: {why}", hint=Command("serve", "--port", str(port + 1))
        ) from None
    listening.listen(_BACKLOG)
    listening.set_inheritable(True)
    return listening


def serve(
    root: Path,
    config: Config,
    *,
    datasets: Sequence[str],
    api_key: str | None = None,
    started: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until told to stop (SIGINT or SIGTERM).

    Args:
        root: the workspace.
        config: settings, those of [serve] among them.
        datasets: which to serve.
        api_key: what callers have to send; None asks for none.
        started: gets the address, before the first request is taken.

    Raises:
        ArtifactError: nothing can be recommended.
        RecsysError: the port is taken, or a library is missing.
    """
    check_ready(Workspace(root), config, datasets)
    listening = bind(config.serve.host, config.serve.port)
    # Answers are computed on one core each; threads of BLAS would only fight for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _allow_files()
    with listening, tempfile.TemporaryDirectory(prefix="recsys-serve-") as folder:
        if config.serve.workers > 1:
            counts = Path(folder, "metrics")
            counts.mkdir()
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counts)
        from recsys_cli.serve.app import create_app
        from recsys_cli.serve.encoding import Meeting

        make = partial(
            create_app,
            root,
            config,
            Meeting(Path(folder)),
            datasets=list(datasets),
            api_key=api_key,
            apart=True,
        )
        _run(make, config, listening, Path(folder), started)


def _allow_files() -> None:
    """Connections and mapped artifacts are files, of which few are allowed unless asked for."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _run(
    make: Callable[[], FastAPI],
    config: Config,
    listening: socket.socket,
    folder: Path,
    started: Callable[[str], None],
) -> None:
    import uvicorn

    from recsys_cli.serve import workers
    from recsys_cli.serve.connection import Connection

    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    several = config.serve.workers > 1
    options = uvicorn.Config(
        # One process makes it here, so that what keeps it from starting is told as any error.
        partial(workers.started, folder, make) if several else make(),
        factory=several,
        workers=config.serve.workers,
        http=cast(Any, partial(Connection, limits=config.serve)),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_worker_healthcheck=_PATIENCE_SECONDS,
    )
    started(url)
    if several:
        workers.Workers(options, [listening], folder).run()
    else:
        uvicorn.Server(options).run(sockets=[listening])
