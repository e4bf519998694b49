"""What `recsys eval` tells beside its figures, and where it keeps them."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recsys_cli.cli.app import app

DATASET = ["-d", "hm", "-k", "12"]


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def told(made_once, built: Path):
    """A measured workspace, what was printed, and what was kept."""
    printed = {}

    def measure(root: Path) -> None:
        asked = ["eval", *DATASET, "-s", "collab,itemknn,popular", "-w", root]
        (root / "stdout").write_text(run(*asked).stdout)

    root = made_once("told", measure, built)
    printed["stdout"] = (root / "stdout").read_text()
    printed["kept"] = json.loads((root / "eval" / "hm-collab-itemknn-popular.json").read_text())
    return printed


def test_results_are_kept_where_the_page_looks(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.json"
    result = run("eval", *DATASET, "-s", "popular", "--json", out, "-w", workspace)
    kept = workspace / "eval" / "hm-popular.json"
    assert f"Kept in {kept}" in result.stderr
    assert json.loads(kept.read_text()) == json.loads(out.read_text())
    everything = ["--set", "serve.evaluations=kept", "--set", "twotower.enabled=false"]
    run("eval", *DATASET, *everything, "-w", workspace)
    assert "repurchase" in json.loads((workspace / "kept" / "hm.json").read_text())["strategies"]


def test_results_that_are_written_there_are_there_once(workspace: Path) -> None:
    out = workspace / "eval" / "mine.json"
    out.parent.mkdir()
    result = run("eval", *DATASET, "-s", "popular", "--json", out, "-w", workspace)
    assert "Kept in" not in result.stderr
    assert [file.name for file in out.parent.iterdir()] == ["mine.json"]


def test_results_that_cannot_be_kept_are_shown_all_the_same(workspace: Path) -> None:
    (workspace / "eval").write_text("a file")
    result = run("eval", *DATASET, "-s", "popular", "-w", workspace)
    assert "popular has ndcg@12" in result.stdout
    assert "not kept" in result.stderr


def test_who_answered_in_place_of_whom_is_told(told) -> None:
    users, answered = told["kept"]["users"], told["kept"]["answered"]
    own, other = answered["collab"]["collab"], answered["collab"]["popular"]
    assert own + other == users
    assert answered["popular"] == {"popular": users}
    sentence = f"answered {own} of {users} users; popular answered {other}."
    assert f"collab and itemknn {sentence}" in told["stdout"]


def test_nobody_answered_by_the_strategy_asked_for(workspace: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    item = pl.read_parquet(workspace / "artifacts" / "items_hm.parquet")["item"][0]
    truth.write_text(f"user,item\nnobody,{item}\nnoone,{item}\n")
    result = run("eval", *DATASET, "-s", "collab,popular", "--truth", truth, "-w", workspace)
    assert "collab answered none of 2 users; popular did." in result.stdout


def test_rows_that_come_out_alike_are_one(told) -> None:
    lines = told["stdout"].split("new: ")[1].split("\n\n")[0].splitlines()[3:]
    assert [line.split()[0] for line in lines] == ["collab,", "itemknn,", "popular"]
    assert ["[" in line for line in lines] == [True, False, False]


def test_differences_are_called_so(told) -> None:
    assert "difference from popular, user by user" in told["stdout"]
    assert "less popular" not in told["stdout"]


def test_it_ends_with_the_verdict(told) -> None:
    kept, last = told["kept"], told["stdout"].splitlines()[-1]
    lead = kept["lead"]
    figure = kept["strategies"][lead["best"]]["all"]["ndcg@12"]["value"]
    assert figure == max(of["all"]["ndcg@12"]["value"] for of in kept["strategies"].values())
    assert last.startswith(
        f"hm: {lead['best']} is best with ndcg@12 {figure:.3f}".replace("0.", ".")
    )
    assert f"above {lead['next']}, the next (" in last
    assert "above popular (" in last
    assert last.endswith(f"; auto serves {kept['auto']}.")


@pytest.mark.parametrize("name", ["report", "report.htm", "report.html.txt"])
def test_a_report_is_called_html(name: str, tmp_path: Path) -> None:
    result = run("eval", "--report", tmp_path / name, code=2)
    assert "ends in .html" in result.stderr


def test_what_live_events_are_worth_is_told_strategy_by_strategy(
    built: Path, tmp_path: Path
) -> None:
    """Each is measured as it was built and with what came since, and compared with itself."""
    out, kept = tmp_path / "live.json", set((built / "eval").glob("*"))
    result = run(
        "eval", "-d", "rr", "-s", "transitions,popular", "--live", "0", "--json", out, "-w", built
    )
    assert "difference that what is live makes" in result.stdout
    figures = json.loads(out.read_text())
    assert figures["protocol"] == "next-event"
    assert set(figures["strategies"]) == {
        "popular", "popular+live", "transitions", "transitions+live",
    }  # fmt: skip
    assert set(figures["differences"]) == {"popular+live", "transitions+live"}
    gain = figures["differences"]["transitions+live"]["all"]["hitrate@20"]
    assert gain["low"] > 0
    less = run("eval", "-d", "rr", "-s", "transitions", "--live", "7d", "--json", "-", "-w", built)
    late = json.loads(less.stdout)["differences"]["transitions+live"]["all"]["hitrate@20"]
    assert late["value"] == 0
    assert set((built / "eval").glob("*")) == kept


@pytest.mark.parametrize(
    "others",
    [
        ("--protocol", "leave-last-out"),
        ("--choose",),
        ("--baseline", "popular"),
        ("--live", "soon"),
    ],
)
def test_live_goes_with_windows_alone(built: Path, others: tuple[str, ...]) -> None:
    run("eval", "-d", "rr", "-s", "popular", "--live", "1h", *others, "-w", built, code=2)
