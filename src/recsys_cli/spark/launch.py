"""Runs a job with this machine's Spark: finds Java and PySpark, submits, explains failures.

The job runs in a process of its own, so that neither a JVM nor PySpark lives in ours.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from recsys_cli.errors import RecsysError, UsageError, missing_library
from recsys_cli.progress import Progress, Silent

_FROM_JOB = re.compile(r"^recsys: (.*)$", re.MULTILINE)
_EXCEPTION = re.compile(r"^(?:\S+\.)?\w*(?:Error|Exception)\b: .*$", re.MULTILINE)
_LEAST_JAVA = 17
_KEPT_LOG = 20_000
_OTHERWISE = "cpu (als.backend, or --backend) trains without Spark"


class SparkError(RecsysError):
    """A Spark job did not finish."""


def spark_submit() -> str:
    """The spark-submit of $SPARK_HOME, or of the installed PySpark.

    Raises:
        UsageError: there is none, or no Java to run it.
    """
    home = os.environ.get("SPARK_HOME") or _pyspark_home()
    if home is None:
        otherwise = f"or set SPARK_HOME; {_OTHERWISE}"
        raise missing_library("Spark", "PySpark", extra="spark", otherwise=otherwise)
    command = Path(home) / "bin" / "spark-submit"
    if not command.is_file():
        raise UsageError(f"there is no {command}", hint="check SPARK_HOME")
    _check_java()
    return str(command)


def _pyspark_home() -> str | None:
    # Its location alone: importing it takes a second.
    found = find_spec("pyspark")
    return str(Path(found.origin).parent) if found and found.origin else None


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    hint = f"install Java {_LEAST_JAVA} or later, or point JAVA_HOME at it; {_OTHERWISE}"
    if java is None or not Path(java).is_file():
        where = f"JAVA_HOME is {home}, and holds no bin/java" if home else "no java is on the PATH"
        raise UsageError(f"Spark needs Java, and {where}", hint=hint)
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(\d+)', done.stderr)
    if done.returncode or found is None:
        raise UsageError(f"Spark needs Java, and {java} -version fails", hint=hint)
    if int(found[1]) < _LEAST_JAVA:
        raise UsageError(f"Spark needs Java {_LEAST_JAVA}, and {java} is {found[1]}", hint=hint)


def run_job(
    job: Path,
    arguments: Sequence[str],
    *,
    master: str,
    conf: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Submit a job and wait for it.

    Args:
        job: its file.
        arguments: its arguments.
        master: where it runs, such as local[2] or yarn.
        conf: Spark settings.
        progress: told what runs.

    Raises:
        UsageError: no Spark or no Java.
        SparkError: the job failed.
    """
    progress = progress or Silent()
    command = [spark_submit(), "--master", master]
    for key, value in ({"spark.ui.showConsoleProgress": "false"} | dict(conf or {})).items():
        command += ["--conf", f"{key}={value}"]
    command += [str(job), *arguments]
    progress.start(f"Spark {job.stem} on {master}")
    with tempfile.TemporaryFile() as log:
        status = _run(command, log.fileno(), environment(master))
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - _KEPT_LOG))
        text = log.read().decode(errors="replace")
    if status:
        raise SparkError(
            f"the Spark job {job.stem} on {master} failed: {reason(text, status)}",
            hint=f"to see all of Spark's log: {shlex.join(command)}",
        )


def environment(master: str) -> dict[str, str]:
    """Our environment; on this machine with our Python, and no look-up of the host's name."""
    made = dict(os.environ)
    if master.startswith("local"):
        made |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
        made.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return made


def _run(command: list[str], log: int, environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # noqa: S603
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def reason(log: str, status: int) -> str:
    """The sentence in a job's log that says why it failed."""
    if "OutOfMemoryError" in log:
        return "out of memory (raise spark.driver_memory, or spark.executor.memory on a cluster)"
    for pattern in (_FROM_JOB, _EXCEPTION):
        found = pattern.findall(log)
        if found:
            return str(found[-1]).strip()
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"status {status}, and nothing was logged"
