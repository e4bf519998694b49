"""Strategies that cannot be made are left out with the reason, and the others are measured."""

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
from recsys_cli.errors import DataError, TrainingError


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
    "question",
    [
        {"strategies": ["collab", "popular"]},
        {"strategies": ["popular"], "baseline": "collab"},
    ],
)
def test_what_is_asked_for_by_name_is_left_out_too(shop: Path, question) -> None:
    evaluation = run_evaluation(Opened(shop), "hm", Question(**question))
    assert list(evaluation.result.strategies) == ["popular"]
    (told,) = evaluation.hints
    assert told in evaluation.result.warnings
    assert told.startswith("collab is left out: als.train of asof=2020-09-16")
    assert "--horizon" in evaluation.hints[told]


def test_nothing_else_to_measure_is_refused(shop: Path) -> None:
    with pytest.raises(DataError, match=r"collab cannot be measured: als\.train") as caught:
        measured(shop, strategies=["collab"])
    assert "--horizon" in (caught.value.hint or "")
    with pytest.raises(DataError) as caught:
        measured(shop, strategies=["collab"], windows=2)
    assert "--windows" in (caught.value.hint or "")


def test_what_is_off_is_left_out_and_says_how_to_turn_it_on(workspace: Path) -> None:
    off = Opened(workspace, overrides=["twotower.enabled=false"])
    evaluation = run_evaluation(off, "hm", Question(strategies=["twotower", "popular"]))
    assert list(evaluation.result.strategies) == ["popular"]
    ((told, hint),) = evaluation.hints.items()
    assert told.startswith("twotower is left out: the two-tower is off")
    assert "twotower.enabled" in "".join(map(str, hint))


@pytest.fixture
def failing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace where factors cannot be trained any more."""

    def fail(_context):
        raise TrainingError("factors of NaN", hint="choose other settings")

    known = default_graph().stages
    failing = replace(known["als.train"], run=fail, version="fails")
    graph = Graph([failing if name == failing.name else stage for name, stage in known.items()])
    monkeypatch.setattr(assembly, "default_graph", lambda: graph)
    return workspace


def test_a_stage_that_fails_takes_only_its_strategies_along(failing: Path) -> None:
    steps = []
    question = Question(strategies=["popular", "collab", "itemknn"])
    evaluation = run_evaluation(Opened(failing), "hm", question, on_step=steps.append)
    assert list(evaluation.result.strategies) == ["popular", "itemknn"]
    assert [step.stage for step in steps if step.error] == ["als.train"]
    told = "collab is left out: hm als.train: factors of NaN"
    assert evaluation.hints == {told: ("choose other settings",)}
    with pytest.raises(TrainingError, match="collab cannot be measured") as caught:
        measured(failing, strategies=["collab"])
    assert caught.value.hint == "choose other settings"


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
