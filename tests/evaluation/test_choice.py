"""Strategies that cannot be made for a window are left out and told, or refused if asked for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from recsys_cli import assembly
from recsys_cli.apps.evaluate import Question, run_evaluation
from recsys_cli.apps.opened import Opened
from recsys_cli.assembly import default_graph
from recsys_cli.build.graph import Graph
from recsys_cli.errors import DataError


@pytest.fixture
def shop(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace where the factors need interactions from longer ago than there are any."""
    known = default_graph().stages
    far = replace(known["als.train"], earlier=(("interactions", 500),))
    graph = Graph([far if name == far.name else stage for name, stage in known.items()])
    monkeypatch.setattr(assembly, "default_graph", lambda: graph)
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    return root


def measured(root: Path, **question):
    return run_evaluation(Opened(root), "hm", Question(**question)).result


def test_all_means_all_that_can_be_made(shop: Path) -> None:
    result = measured(shop)
    assert "collab" not in result.strategies
    assert {"popular", "repurchase", "itemknn"} < result.strategies.keys()
    told = [text for text in result.warnings if text.startswith("collab is left out")]
    assert len(told) == 1
    assert "als.train of asof=2020-09-16" in told[0]


@pytest.mark.parametrize(
    "question", [{"strategies": ["popular", "collab"]}, {"baseline": "collab"}]
)
def test_what_is_asked_for_by_name_is_refused(shop: Path, question) -> None:
    with pytest.raises(DataError, match=r"collab cannot be measured: als\.train") as caught:
        measured(shop, **question)
    assert "--windows" in (caught.value.hint or "")


def test_a_baseline_by_name_is_measured_too_and_once(built: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(built, root)
    one = measured(root, strategies=["repurchase"], baseline="popular")
    assert list(one.strategies) == ["repurchase", "popular"]
    assert one.strategies["repurchase"].differences
    two = measured(root, strategies=["popular", "repurchase"], baseline="popular")
    assert list(two.strategies) == ["popular", "repurchase"]
    alone = measured(root, strategies=["repurchase"])
    assert (list(alone.strategies), alone.baseline) == (["repurchase"], None)
