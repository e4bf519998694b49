"""What a command takes: wall time, CPU time and peak memory, in a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PAUSE = 0.1
_MB = 2**20
# A process's largest memory counts from before it became what it runs (Linux keeps the figure over
# exec), so it is started by one that is smaller than anything measured.
_LAUNCHER = """
import os, resource, sys
report, limit, *command = sys.argv[1:]
pid = os.fork()
if not pid:
    os.setsid()
    os.close(int(report))
    if int(limit):
        resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(127)
os.write(int(report), f"{pid}\\n".encode())
_, status, usage = os.wait4(pid, 0)
cpu = usage.ru_utime + usage.ru_stime
os.write(int(report), f"{status} {cpu} {usage.ru_maxrss}\\n".encode())
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command took.

    Attributes:
        seconds: wall time.
        cpu: CPU seconds of the process and the children it waited for.
        peak_mb: the largest memory seen, of the process or of all its processes together.
        out: its standard output.
        failure: why it did not succeed, or nothing.
    """

    seconds: float
    cpu: float
    peak_mb: float
    out: str
    failure: str


def measure(
    command: list[str],
    *,
    timeout: float | None = None,
    memory_gb: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Measured:
    """Run a command to its end.

    Args:
        command: program and arguments.
        timeout: seconds after which it is killed with all its children.
        memory_gb: address space that each of its processes may have.
        env: variables in addition to this process's.
    """
    limit = 0 if memory_gb is None else int(memory_gb * 2**30)
    started, report = os.pipe()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(report), str(limit), *command],
            stdout=out,
            stderr=err,
            env={**os.environ, **(env or {})},
            pass_fds=[report],
        )
        os.close(report)
        with os.fdopen(started) as lines:
            sampler = _Sampler(int(lines.readline()), timeout)
            status, cpu, peak = lines.readline().split()
        seconds = time.perf_counter() - start
        sampler.stop()
        launcher.wait()
        code = os.waitstatus_to_exitcode(int(status))
        out.seek(0)
        err.seek(0)
        return Measured(
            seconds=seconds,
            cpu=float(cpu),
            peak_mb=max(_maxrss_mb(float(peak)), sampler.peak_mb),
            out=out.read(),
            failure=_failure(code, sampler.killed, timeout, err.read()) if code else "",
        )


def peak_mb() -> float:
    """The largest memory of this process so far."""
    return _maxrss_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _maxrss_mb(maxrss: float) -> float:
    """macOS counts in bytes, Linux in KB."""
    return maxrss / (_MB if sys.platform == "darwin" else 2**10)


def succeed(command: list[str]) -> Measured:
    """Run a command that must succeed."""
    found = measure(command)
    if found.failure:
        raise SystemExit(f"{' '.join(command)}: {found.failure}")
    return found


def _failure(code: int, killed: bool, timeout: float | None, err: str) -> str:
    if killed:
        return f"not done after {timeout:g} s"
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else f"ended with {code}"


class _Sampler:
    """Looks at the memory of all processes of a session, and ends them after a while."""

    def __init__(self, session: int, timeout: float | None) -> None:
        self.peak_mb = 0.0
        self.killed = False
        self._session = session
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_PAUSE):
            self.peak_mb = max(self.peak_mb, _resident_mb(self._session))
            if self._deadline and time.monotonic() > self._deadline:
                self.killed = True
                os.killpg(self._session, signal.SIGKILL)
                return


def _resident_mb(session: int) -> float:
    """Resident memory of a session's processes; of what several share, each has its part."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            members.append(folder)
    # Parts take long to work out, and one process alone shares little.
    if len(members) < 2:
        return 0.0
    return sum(map(_proportional_mb, members))


def _proportional_mb(folder: Path) -> float:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**10
