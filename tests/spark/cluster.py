"""Runs jobs as a cluster would: copies in a folder of their own, none of our package in reach."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import recsys_cli.spark

JOBS = Path(recsys_cli.spark.__file__).parent
NAMES = ("interactions", "train_als", "recommend")

# One session for many runs, since starting Spark takes most of a small job's time.
SCRIPT = """
import importlib, json, sys
from pyspark.sql import SparkSession

session = SparkSession.builder.getOrCreate()
outcomes = []
for job, arguments in json.load(sys.stdin):
    module = importlib.import_module(job)
    try:
        module.run(session, module.arguments(arguments))
        outcomes.append(None)
    except SystemExit as error:
        outcomes.append(str(error))
session.stop()
assert not [name for name in sys.modules if name.startswith("recsys")]
json.dump(outcomes, open("outcomes.json", "w"))
"""


def why_not() -> str | None:
    """What this machine lacks for Spark."""
    if find_spec("pyspark") is None:
        return "pyspark is not installed"
    if find_spec("pyarrow") is None:
        return "pyarrow is not installed"
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").is_file() if home else shutil.which("java")):
        return "Spark needs Java"
    return None


@dataclass
class Cluster:
    """A folder with copies of the jobs, and nothing else."""

    home: Path

    def run(self, *runs: tuple[str, list[object]]) -> list[str | None]:
        """Run jobs one after the other; the sentence of each that refused, None for the others."""
        settings = {
            "spark.master": "local[2]", "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "3", "spark.default.parallelism": "3",
            "spark.driver.memory": "1g", "spark.driver.host": "127.0.0.1",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        }  # fmt: skip
        submit = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        plain = [[job, [str(a) for a in arguments]] for job, arguments in runs]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps(plain), capture_output=True, text=True, check=False, timeout=600,
            cwd=self.home,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.home),
                **({"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}),
                "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(self.home / "local"),
                "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(self.home),
                "PYSPARK_SUBMIT_ARGS": " ".join([*submit, "pyspark-shell"]),
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads((self.home / "outcomes.json").read_text())
