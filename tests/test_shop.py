"""The face for notebooks: it answers as the command line does, and its documents' examples run."""

import doctest
import json
import re
import warnings
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import recsys_cli
from cli.test_startup import loaded_by
from recsys_cli import RecsysError, RecsysWarning, Shop
from recsys_cli.cli.app import app

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def opened(built) -> Shop:
    return recsys_cli.open(built)


def printed(*arguments: object) -> dict:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_opening_loads_nothing_heavy_and_importing_nothing_at_all():
    assert not loaded_by("import recsys_cli") & {"numpy", "pydantic", "polars", "typer"}
    with pytest.raises(AttributeError, match="no attribute 'shops'"):
        recsys_cli.shops  # noqa: B018


def test_one_answer_is_what_the_command_prints(opened, built):
    asked = printed(
        "recommend", "--user", 123, "-s", "collab", "-k", 5, "--exclude-seen", "--json",
        "--explain", "-w", built,
    )  # fmt: skip
    answer = opened.recommend("123", strategy="collab", k=5, exclude_seen=True, explain=True)
    assert answer == asked
    item = answer["items"][0]["item"]
    assert opened.similar(item, k=4) == printed(
        "similar", "--item", item, "-k", 4, "--json", "-w", built
    )
    assert opened.search("dress", k=4) == printed("search", "dress", "-k", 4, "--json", "-w", built)


def test_many_users_come_in_the_order_asked(opened):
    users = ["nobody", "123", "nobody"]
    frame = opened.recommend(users, dataset="hm", strategy="collab", k=3)
    assert frame.columns == ["user", "rank", "item", "score", "strategy_used"]
    assert frame["user"].to_list() == [user for user in users for _ in range(3)]
    single = opened.recommend("123", dataset="hm", strategy="collab", k=3)
    mine = frame.filter(user="123")
    assert mine["item"].to_list() == [item["item"] for item in single["items"]]
    assert mine["strategy_used"].unique().to_list() == [single["strategy_used"]]
    assert frame["strategy_used"][0] == "popular"
    again = opened.recommend(pl.Series(users), dataset="hm", strategy="collab", k=3)
    assert again.equals(frame)
    assert opened.recommend([], dataset="hm").schema == frame.schema


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: s.recommend("123", strategy="tea leaves"), "no strategy 'tea leaves'"),
        (lambda s: s.recommend("123", k=0), "at least one item"),
        (lambda s: s.recommend(""), "the user is empty"),
        (lambda s: s.recommend([123], dataset="hm"), "ids are text"),
        (lambda s: s.recommend(["123"], dataset="hm", explain=True), "one user"),
        (lambda s: s.recommend(["123"]), "about one dataset"),
        (lambda s: s.recommend("123", as_of="tomorrow"), "not a date"),
        (lambda s: s.similar("nothing"), "no dataset has an item 'nothing'"),
        (lambda s: s.search(), "words, or for a picture"),
        (lambda s: s.build("tea"), "tea"),
        (lambda s: recsys_cli.open(s._folder / "nowhere"), "is not a folder"),
        (lambda s: recsys_cli.open(s._folder, overrides="als.factor=1"), "did you mean"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(opened, ask, message):
    with pytest.raises(RecsysError, match=re.escape(message)):
        ask(opened)


def test_conditions_and_exclusions_may_be_one_or_several(opened):
    first = opened.recommend("nobody", dataset="rr", strategy="popular", k=2)["items"]
    ids = [item["item"] for item in first]
    left = opened.recommend("nobody", dataset="rr", strategy="popular", k=2, exclude=ids[0])
    assert left["items"][0]["item"] == ids[1]
    where = opened.recommend("nobody", dataset="rr", k=2, where="available=1")
    assert where == opened.recommend("nobody", dataset="rr", k=2, where=["available=1"])


def test_what_should_be_acted_on_is_a_warning_at_the_callers_line(built):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one = recsys_cli.open(built, overrides="als.factors=8")
        one.recommend("123", dataset="rr", exclude="nothing")
    assert [warning.category for warning in caught] == [RecsysWarning, RecsysWarning]
    assert "out of date: als.train" in str(caught[0].message)
    assert "no item 'nothing'" in str(caught[1].message)
    assert {Path(warning.filename).name for warning in caught} == {"test_shop.py"}


def test_a_new_build_is_used_from_the_next_call_on(workspace):
    one = recsys_cli.open(workspace, overrides="als.factors=8")
    with pytest.warns(RecsysWarning, match=r"als.train \(config changed: als.factors"):
        held = one._opened.engine("rr")
    assert one._opened.engine("rr") is held
    steps = one.build("als.train", dataset="rr")
    made = steps.filter(stage="als.train")
    assert made["action"].to_list() == ["ran", "ran"]
    assert made["snapshot"][1] == "now"
    with pytest.warns(RecsysWarning, match=r"\(als changed\)"):
        assert one._opened.engine("rr") is not held


def test_a_stage_that_fails_is_an_error_that_names_it(workspace):
    (workspace / "data/rr_raw/events.csv").write_text("")
    with pytest.raises(RecsysError, match="rr ingest: "):
        recsys_cli.open(workspace).build()


def test_the_examples_in_the_documents_run(workspace, monkeypatch, capsys):
    monkeypatch.chdir(workspace.parent)
    workspace.rename("shop")
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (REPOSITORY / "docs/python.md").read_text(), re.S | re.M
    )
    assert blocks
    names: dict = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["answer"]["items"]
    assert names["similar"]["items"]
    assert names["found"]["items"]
    assert set(names["figures"]["strategy"]) == {"collab", "popular"}
    assert (
        names["figures"]
        .filter(strategy="collab", metric="ndcg@12")["difference"]
        .is_not_null()
        .all()
    )
    assert "there is no strategy" in capsys.readouterr().out
    run_docstrings(names)


def run_docstrings(names: dict) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    found = [test for thing in (recsys_cli, Shop) for test in finder.find(thing, globs=names)]
    shown = [test for test in found if test.examples]
    assert len(shown) >= 8
    for test in shown:
        assert runner.run(test).failed == 0, test.name
