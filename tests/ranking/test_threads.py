"""Zero threads stands for the cores this process may run on, not for those of the machine."""

import os

import numpy as np
import pytest

from recsys_cli.cores import available_cores
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.ranking.topk import search as module
from recsys_cli.strategies.collab import als
from strategies.test_als import CONFIG, checkerboard


@pytest.fixture
def one_of_many(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 48)


def test_without_an_affinity_it_is_what_the_machine_has(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 48)
    assert available_cores() == 48


@pytest.mark.usefixtures("one_of_many")
@pytest.mark.parametrize(("threads", "workers"), [(0, 1), (2, 2)])
def test_ranking(monkeypatch, threads, workers):
    made = []

    class Pool(module.ThreadPoolExecutor):
        def __init__(self, max_workers):
            made.append(max_workers)
            super().__init__(max_workers)

    monkeypatch.setattr(module, "ThreadPoolExecutor", Pool)
    vectors = np.eye(40, dtype=np.float32)
    FactorRanker(vectors, method="compiled", threads=threads).top_k(vectors, k=1)
    assert made == [workers]


@pytest.mark.usefixtures("one_of_many")
@pytest.mark.parametrize(("threads", "workers"), [(0, 1), (2, 2)])
def test_training(monkeypatch, threads, workers):
    given = []
    fit = als._fit

    def recorded(*arguments, threads, **options):
        given.append(threads)
        return fit(*arguments, threads=threads, **options)

    monkeypatch.setattr(als, "_fit", recorded)
    als.train_als(checkerboard(10), CONFIG, threads=threads)
    assert given == [workers]
