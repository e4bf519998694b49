"""`recsys als train --backend spark` and `recsys spark submit-command`."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from recsys_cli.cli.app import app
from recsys_cli.errors import UsageError
from recsys_cli.spark import launch
from recsys_cli.spark.launch import SparkError, reason, run_job, spark_submit
from recsys_cli.spark.submit import job_file
from recsys_cli.store.packs import load_pack
from spark.cluster import NAMES, why_not

SMALL = ["--set", "spark.blocks=2", "--set", "als.iterations=2", "--set", "als.factors=4",
         "--set", 'spark.conf={"spark.ui.enabled"="false"}']  # fmt: skip


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.slow
def test_als_trains_on_spark_and_serves(needs_spark, workspace):
    done = invoke("als", "train", "-d", "hm", "--backend", "spark", "--master", "local[2]",
                  "-w", workspace, *SMALL)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "origin spark" in done.output
    pack = load_pack(workspace / "artifacts/als_hm.joblib")
    before = load_pack(workspace / "artifacts/interactions_hm.joblib")
    assert (pack["origin"], pack["scale_by_count"], pack["factors"]) == ("spark", True, 4)
    assert pack["reference"] == before["reference"]
    met = np.flatnonzero(np.diff(before["indptr"]))
    assert np.flatnonzero(pack["user_known"]).tolist() == met.tolist()
    assert np.abs(pack["user_factors"]).max() > 0
    manifest = json.loads((workspace / "artifacts/manifests/als.train_hm.json").read_text())
    assert manifest["facts"]["origin"] == "spark"
    done = invoke("recommend", "--user", "123", "-s", "collab", "--json", "-w", workspace)
    assert json.loads(done.stdout)["strategy_used"] == "collab"
    assert not list(workspace.rglob("spark-*"))
    other = workspace / "other.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(other)
    words = ["--interactions", str(other), "--out", str(workspace / "out")]
    with pytest.raises(SparkError, match="no column item; they have id"):
        run_job(job_file("train_als"), words, master="local[1]")


def test_spark_in_the_config_is_what_a_build_uses(workspace, monkeypatch):
    monkeypatch.setattr(launch, "find_spec", lambda name: None)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    with (workspace / "recsys.toml").open("a") as file:
        file.write('[spark]\nblocks = 3\n[datasets.hm]\nkind = "hm"\npath = "data/hm_raw"\n'
                   'als = { backend = "spark" }\n')  # fmt: skip
    assert invoke("build", "als.train", "-d", "hm", "-w", workspace).exit_code == 0
    done = invoke("als", "train", "--force", "-d", "hm", "-w", workspace)
    assert done.exit_code == 2
    assert "needs PySpark, which is not installed" in done.output
    assert f"{sys.executable} -m pip install 'recsys-cli[spark]'" in done.output


def test_a_cluster_needs_a_folder_that_both_see(workspace):
    train = ["als", "train", "-d", "hm", "--backend", "spark", "--master", "yarn", "-w", workspace]
    done = invoke(*train)
    assert done.exit_code == 2
    assert "need a folder that both see" in done.output
    assert "spark.exchange" in done.output
    done = invoke(*train, "--set", "spark.exchange=/nowhere/at/all")
    assert "there is no folder /nowhere/at/all" in done.output


def test_a_master_is_for_spark_alone(workspace):
    done = invoke("als", "train", "--backend", "cpu", "--master", "yarn", "-w", workspace)
    assert done.exit_code == 2
    assert "--master is about Spark" in done.output


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A SPARK_HOME with a spark-submit."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "spark-submit").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def java(folder: Path, text: str, status: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit {status}\n")
    program.chmod(0o755)


def test_without_java_it_says_so(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(UsageError, match="no java is on the PATH") as caught:
        spark_submit()
    assert "install Java 17" in caught.value.hint
    monkeypatch.setenv("JAVA_HOME", str(home / "gone"))
    with pytest.raises(UsageError, match="holds no bin/java"):
        spark_submit()


@pytest.mark.parametrize(
    ("said", "status", "match"),
    [
        ('openjdk version "1.8.0_292"', 0, "is 1"),
        ('openjdk version "11.0.2" 2019', 0, "is 11"),
        ("no such JVM", 0, "fails"),
        ('openjdk version "17.0.1"', 1, "fails"),
        ('openjdk version "17.0.1"', 0, None),
        ('openjdk version "21" 2023', 0, None),
    ],
)
def test_a_java_that_is_too_old_is_refused(home, monkeypatch, said, status, match):
    java(home / "java", said, status)
    monkeypatch.setenv("PATH", f"{home / 'java'}:/bin:/usr/bin")
    if match is None:
        assert spark_submit() == str(home / "bin" / "spark-submit")
        return
    with pytest.raises(UsageError, match=match):
        spark_submit()


@pytest.mark.parametrize(
    ("log", "want"),
    [
        ("WARN x\nrecsys: /out exists; choose\nmore\n", "/out exists; choose"),
        ("Traceback\npkg.AnalysisException: [PATH] no such path\n", "AnalysisException: [PATH]"),
        ("java.lang.OutOfMemoryError: Java heap space\nValueError: x\n", "out of memory"),
        ("one\ntwo\n\n", "two"),
        ("", "status 3, and nothing was logged"),
    ],
)
def test_the_log_says_why_a_job_failed(log, want):
    assert want in reason(log, 3)


def submit(workspace, job, *words):
    done = invoke("spark", "submit-command", job, "-d", "hm", "-w", workspace, *words)
    assert done.exit_code == 0, done.output
    return shlex.split(done.stdout.replace("\n", " "))


@pytest.mark.parametrize("job", NAMES)
@pytest.mark.parametrize("master", ["yarn", "k8s://https://host:6443", "local[2]"])
def test_the_printed_line_is_one_that_the_job_understands(raw, job, master):
    words = submit(raw, job, "--data", "hdfs:///shop/", "--master", master, "--executors", 7,
                   "--image", "r/spark:4", "--set", "interactions.half_life_days=20")  # fmt: skip
    at = next(n for n, word in enumerate(words) if word.endswith(f"{job}.py"))
    assert Path(words[at]).is_file()
    assert words[:3] == ["spark-submit", "--master", master]
    options = " ".join(words[:at])
    assert ("--num-executors 7" in options) == (master == "yarn")
    assert ("spark.executor.instances=7" in options) == master.startswith("k8s")
    assert ("container.image=r/spark:4" in options) == master.startswith("k8s")
    assert ("file.upload.path=hdfs:///shop/upload" in options) == master.startswith("k8s")
    if why_not():
        pytest.skip(why_not())
    code = (
        f"import json, sys; sys.path[0] = {str(Path(words[at]).parent)!r}; import {job} as job\n"
        "print(json.dumps(vars(job.arguments(sys.argv[1:]))))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words[at + 1 :]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    parsed = json.loads(done.stdout)
    if job == "interactions":
        assert parsed["events"] == ["hdfs:///shop/raw/transactions_train.csv"]
        assert (parsed["kind"], parsed["half_life_days"]) == ("hm", 20)
    elif job == "train_als":
        assert (parsed["factors"], parsed["iterations"]) == (16, 5)
        assert parsed["interactions"] == ["hdfs:///shop/interactions/interactions"]
    else:
        assert (parsed["factors"], parsed["seen"]) == ("hdfs:///shop/factors", None)


def test_what_a_cluster_cannot_guess_is_asked_for(raw, tmp_path):
    done = invoke("spark", "submit-command", "train_als", "--data", "d", "-d", "hm", "-w", raw,
                  "--master", "k8s://h")  # fmt: skip
    assert done.exit_code == 2
    assert "--image" in done.output
    (tmp_path / "recsys.toml").write_text('[datasets.x]\nkind = "generic"\npath = "data"\n')
    done = invoke("spark", "submit-command", "interactions", "--data", "d", "-w", tmp_path)
    assert done.exit_code == 2
    assert 'events = "FILE", columns = {' in done.output


def test_jobs_are_not_told_of_sessions_that_they_do_not_read(tmp_path):
    (tmp_path / "recsys.toml").write_text(
        '[datasets.x]\nkind = "generic"\npath = "data"\nevents = "log.csv"\n'
        'columns = { user = "who", item = "what", session = "visit" }\n'
    )
    done = invoke("spark", "submit-command", "interactions", "--data", "d", "-w", tmp_path)
    assert done.exit_code == 0
    assert "--item-column what" in done.output
    assert "visit" not in done.output
