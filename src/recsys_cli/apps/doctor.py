"""Checks of the installation and the machine, ending in a tiny run from data to evaluation."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from recsys_cli.cores import available_cores
from recsys_cli.counted import counted
from recsys_cli.errors import Hint, pip_install

Outcome = Literal["PASS", "WARN", "FAIL", "INFO"]

_GB = 1e9
_LOW_DISK, _LOW_MEMORY = 5 * _GB, 4 * _GB
_OPTIONAL = ("torch", "sentence-transformers", "open_clip_torch", "pyspark")
_OPENMP_IMPORTS = ("numpy", "scipy.linalg", "implicit", "sklearn", "torch", "faiss")


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    outcome: Outcome
    detail: str
    hint: Hint = ""


def run_doctor(workspace: Path, *, end_to_end: bool = True) -> Iterator[Check]:
    """Yield the checks as they finish.

    Args:
        workspace: folder whose disk is looked at.
        end_to_end: also run the tiny pipeline (about ten seconds).
    """
    yield Check("python", "INFO", f"{sys.version.split()[0]} on {platform.platform(terse=True)}")
    yield from _libraries()
    yield _threads()
    yield _gpu()
    yield _openmp()
    yield _disk(workspace)
    yield _memory()
    if end_to_end:
        yield _tiny_run()


def _libraries() -> Iterator[Check]:
    from packaging.requirements import Requirement

    for text in requires("recsys-cli") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        yield _library(requirement.name, str(requirement.specifier), requirement.specifier.contains)
    for name in _OPTIONAL:
        try:
            yield Check(name, "INFO", f"{version(name)} (optional)")
        except PackageNotFoundError:
            yield Check(name, "INFO", "not installed (optional)")


def _library(name: str, wanted: str, accepts: Callable[[str], bool]) -> Check:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Check(name, "FAIL", "not installed", pip_install(f"{name}{wanted}"))
    if not accepts(found):
        return Check(name, "FAIL", f"{found}, needs {wanted}", pip_install(f"{name}{wanted}"))
    return Check(name, "PASS", found)


def _threads() -> Check:
    cores = available_cores()
    set_by = [v for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
              if os.environ.get(v)]  # fmt: skip
    detail = f"{cores} of {os.cpu_count()} cores usable"
    if set_by:
        detail += ", " + ", ".join(f"{name}={os.environ[name]}" for name in set_by)
    return Check("threads", "PASS", detail)


def _probe(code: str) -> tuple[int, str]:
    """Run a snippet in a process of its own, since loading these libraries may abort it."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, "timed out"
    return done.returncode, done.stdout.strip()


def _gpu() -> Check:
    code = (
        "import implicit.gpu as g\n"
        "print(int(g.HAS_CUDA))\n"
        "g.HAS_CUDA and g.Matrix.zeros(1, 1)\n"
        "print('works')"
    )
    status, out = _probe(code)
    built = out.startswith("1")
    if built and status == 0:
        return Check("gpu", "PASS", "ALS trains on the GPU")
    if shutil.which("nvidia-smi"):
        detail = "there is an NVIDIA driver, but ALS runs on the CPU"
        return Check("gpu", "WARN", detail, pip_install("implicit[gpu]"))
    return Check("gpu", "INFO", "none; ALS runs on the CPU")


def _openmp() -> Check:
    code = (
        "import importlib, threadpoolctl\n"
        f"for name in {_OPENMP_IMPORTS!r}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ImportError:\n"
        "        pass\n"
        "files = {p['filepath'] for p in threadpoolctl.threadpool_info()"
        " if p['user_api'] == 'openmp'}\n"
        "print('\\n'.join(sorted(files)))"
    )
    status, out = _probe(code)
    files = [Path(line).name for line in out.splitlines() if line]
    if status != 0:
        return Check(
            "openmp",
            "FAIL",
            f"loading the numeric libraries together ended the process (status {status})",
            "two OpenMP runtimes are likely; install all libraries from one source (pip or conda)",
        )
    if len(files) > 1:
        detail = f"{len(files)} runtimes in one process: {', '.join(files)}"
        if sys.platform == "darwin":
            hint = "this can abort on macOS; install all libraries from one source"
            return Check("openmp", "WARN", detail, hint)
        return Check("openmp", "INFO", detail + " (harmless on this system)")
    return Check("openmp", "PASS", files[0] if files else "no OpenMP runtime loaded")


def _disk(workspace: Path) -> Check:
    existing = next(p for p in [workspace.resolve(), *workspace.resolve().parents] if p.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / _GB:.0f} GB free"
    if free < _LOW_DISK:
        return Check("disk", "WARN", detail, "full-size H&M needs about 5 GB for artifacts")
    return Check("disk", "PASS", detail)


def _memory() -> Check:
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return Check("memory", "INFO", "unknown on this system")
    detail = f"{free / _GB:.0f} of {total / _GB:.0f} GB free"
    if total < _LOW_MEMORY:
        return Check("memory", "WARN", detail, "full-size H&M needs about 4 GB")
    return Check("memory", "PASS", detail)


_TINY = ["als.factors=8", "text.encoder=lsa:16", "twotower.enabled=false", "hybrid.enabled=false"]
"""Settings of the tiny run; what takes minutes on any data is left out."""


def _tiny_run() -> Check:
    """Demo data, the stages that take seconds, a recommendation and an evaluation."""
    from recsys_cli.apps.evaluate import Question, run_evaluation
    from recsys_cli.apps.opened import Opened
    from recsys_cli.build.measure import Meter
    from recsys_cli.datasets.demo import make_demo

    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="recsys-doctor-") as folder:
        root = Path(folder)
        make_demo(root, customers=200, transactions=4000, articles=200, images=False)
        opened = Opened(root, overrides=_TINY)
        for step in opened.build(["all"]):
            if step.error:
                return Check("tiny run", "FAIL", f"{step.dataset} {step.stage}: {step.error}")
        answer = opened.engine("rr").recommend_one("123", strategy="collab", k=5)
        if len(answer["items"]) != 5:  # noqa: PLR2004
            return Check(
                "tiny run", "FAIL", f"got {counted(len(answer['items']), 'items')} instead of 5"
            )
        users = run_evaluation(opened, "rr", Question(strategies=["popular"])).result.users
    seconds, _ = meter.stop()
    done = f"demo, build, recommend and evaluate on {counted(users, 'users')} in {seconds:.0f} s"
    return Check("tiny run", "PASS", done)
