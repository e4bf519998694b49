"""`recsys eval` in CI: limits, files for comparisons, two runs side by side."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from recsys_cli.cli.app import app


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def runs(built, tmp_path_factory):
    """Two runs of one workspace, the second with other factors, and the folder they are in."""
    folder = tmp_path_factory.mktemp("runs")
    root = folder / "workspace"
    shutil.copytree(built, root)
    for name, factors in (("a", 16), ("b", 4)):
        files = ["--json", folder / f"{name}.json", "--per-user", folder / f"{name}.parquet"]
        options = ["-d", "hm", "-s", "collab,popular", "-k", "12", "-w", root]
        run("eval", *files, *options, "--set", f"als.factors={factors}")
    return folder


def test_two_runs_side_by_side(runs):
    out = runs / "out.json"
    result = run("eval", "--compare", runs / "a.json", runs / "b.json", "--json", out)
    assert "paired" in result.stdout
    (comparison,) = json.loads(out.read_text())
    a, b = (json.loads((runs / f"{n}.json").read_text()) for n in "ab")
    assert a["per_user"]["file"] == "a.parquet"
    for name in ("collab", "popular"):
        figure = comparison["strategies"][name]["all"]["ndcg@12"]
        for run_, key in ((a, "a"), (b, "b")):
            assert figure[key] == run_["strategies"][name]["all"]["ndcg@12"]["value"]
        assert figure["paired"]
    assert comparison["strategies"]["popular"]["all"]["recall@12"]["low"] == 0.0
    printed = run("eval", "--compare", runs / "a.json", runs / "b.json", "--json", "-").stdout
    assert json.loads(printed) == [comparison]


def test_limits_of_a_comparison_are_about_the_second_run(runs):
    files = ["--compare", runs / "a.json", runs / "b.json"]
    run("eval", *files, "--fail-below", "ndcg@12=0", "--fail-worse", "popular@12", code=2)
    run("eval", *files, "--fail-below", "collab:ndcg@12=0", "--fail-worse", "recall@12")
    result = run("eval", *files, "--fail-below", "collab:ndcg@12=0.99", code=1)
    assert "ndcg@12 of collab on hm is" in result.output
    assert "b - a" in result.stdout, "the figures are shown before the verdict"


def test_limits_of_a_run(runs):
    options = ["-d", "hm", "-s", "popular", "-k", "12", "-w", runs / "workspace"]
    run("eval", *options, "--fail-below", "ndcg@12=0")
    out = runs / "failed.json"
    result = run("eval", *options, "--fail-below", "ndcg@12=1", "--json", out, code=1)
    assert "below 1" in result.output
    assert json.loads(out.read_text())["strategies"].keys() == {"popular"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "a.json", "b.json", "--windows", "2"], "--windows is idle"),
        (["--compare", "a.json", "b.json", "--report", "x.html"], "--report is idle"),
        (["--fail-worse", "ndcg@12"], "goes with --compare"),
        (["--fail-below", "ndcg@12"], "not of the form"),
        (["--fail-worse", "ndcg"], "no metric 'ndcg'"),
        (["--per-user", "/nowhere/u.parquet"], "no folder"),
    ],
)
def test_what_does_not_go_together(arguments, message):
    assert message in " ".join(run("eval", *arguments, code=2).output.split())
