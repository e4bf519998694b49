"""Spark for the tests of one module, in a process of its own."""

import shutil

import pytest

from spark.cluster import JOBS, NAMES, Cluster, why_not


@pytest.fixture(scope="session")
def needs_spark() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def cluster(needs_spark, tmp_path_factory) -> Cluster:
    home = tmp_path_factory.mktemp("cluster")
    for name in NAMES:
        shutil.copy(JOBS / f"{name}.py", home)
    return Cluster(home)
