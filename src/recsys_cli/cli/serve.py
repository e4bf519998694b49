"""`recsys serve`."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import print_line, say


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="serve.host")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 picks a free one.", show_default="serve.port")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes.", show_default="serve.workers")
    ] = None,
    reload_every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How often to look for a newer build; 0 never looks.",
            show_default="serve.reload_every",
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="RECSYS_API_KEY",
            help="Key that callers must send as X-API-Key; better given as RECSYS_API_KEY.",
            show_default="none",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of ORIGIN call. Repeatable."),
    ] = None,
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
) -> None:
    """Serve recommendations over HTTP; newer builds are picked up while it runs."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import chosen_datasets
    from recsys_cli.config.load import changed
    from recsys_cli.serve.server import serve as run

    config = Opened(workspace, overrides=overrides or ()).config
    given = {
        "host": host, "port": port, "workers": workers, "reload_every": reload_every, "cors": cors,
    }  # fmt: skip
    config = changed(config, "serve", {k: v for k, v in given.items() if v not in (None, [])})
    with suppress(KeyboardInterrupt):
        run(
            workspace,
            config,
            datasets=chosen_datasets(config, dataset),
            api_key=api_key or None,
            started=lambda url: print_line(f"Serving {workspace.resolve()} on {url}"),
        )
    say("Stopped.")
