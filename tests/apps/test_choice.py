"""What an evaluation measured decides what serves, and status says when it is out of date."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import CONFIG, build
from recsys_cli.apps.choice import choose
from recsys_cli.apps.written import write_settings
from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.config.load import section_for
from recsys_cli.errors import DataError
from recsys_cli.evaluation.result import EvalResult, Lead
from recsys_cli.strategies import STRATEGIES


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def result_of(lead: Lead | None, *, auto: str | None = "hybrid") -> EvalResult:
    return EvalResult(
        dataset="hm",
        protocol="temporal",
        cutoff=None,
        horizon=None,
        users=1,
        groups={},
        strategies={},
        ks=(12,),
        exclude_seen=False,
        lead=lead,
        auto=auto,
    )


@pytest.fixture
def shop(raw: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("hm_raw", "rr_raw"):
        (tmp_path / "data" / name).symlink_to(raw / "data" / name)
    (tmp_path / "recsys.toml").write_text("# Ours.\n" + CONFIG)
    return tmp_path


@pytest.mark.parametrize(
    ("lead", "chosen", "why"),
    [
        (Lead("ndcg@12", "hybrid", "collab"), "hybrid", "it is the best with ndcg@12"),
        (
            Lead("ndcg@12", "hybrid", "twotower", level=("graph", "collab", "transitions")),
            "collab",
            "level with hybrid, the best with ndcg@12, and cheaper to serve",
        ),
        (Lead("ndcg@12", "popular", "hybrid", level=("hybrid",)), "popular", "it is the best"),
        (Lead("ndcg@12", "auto", "collab"), "hybrid", "it is the best"),
    ],
)
def test_the_best_serves_and_of_those_level_the_cheapest(shop: Path, lead, chosen, why) -> None:
    found = choose(shop, result_of(lead))
    assert found.strategy == chosen
    assert found.why.startswith(why)
    config = load_config(shop)
    assert section_for(config, "recommend", "hm").strategy == chosen
    assert section_for(config, "recommend", "rr").strategy == "auto"
    assert (shop / "recsys.toml").read_text().startswith("# Ours.\n")


def test_a_setting_stands_where_its_commented_default_was(shop: Path) -> None:
    (shop / "recsys.toml").write_text(
        '[datasets.hm]\nkind = "hm"\npath = "data/hm_raw"\n\n[recommend]  # Ours.\nk = 9\n'
        '# Whom to ask.\n# strategy = "auto"\n\n# Popularity.\n[popular]\n# days\n\n# ALS.\n[als]\n'
    )
    choose(shop, result_of(Lead("ndcg@12", "collab")))
    write_settings(shop, "hm", {"popular.window_days": 5, "popular.half_life_days": 2.5})
    assert (shop / "recsys.toml").read_text() == (
        '[datasets.hm]\nkind = "hm"\npath = "data/hm_raw"\n\n[recommend]  # Ours.\nk = 9\n'
        '# Whom to ask.\nstrategy = "collab"\n\n# Popularity.\n[popular]\nhalf_life_days = 2.5\n'
        "window_days = 5\n# days\n\n# ALS.\n[als]\n"
    )


def test_nothing_measured_is_nothing_to_choose(shop: Path) -> None:
    before = (shop / "recsys.toml").read_text()
    for result in (result_of(None), result_of(Lead("ndcg@12", "auto"), auto=None)):
        with pytest.raises(DataError, match="no strategy to choose"):
            choose(shop, result)
    assert (shop / "recsys.toml").read_text() == before


def test_a_list_of_popular_costs_least_and_one_of_all_most() -> None:
    costs = {name: spec.cost for name, spec in STRATEGIES.items()}
    assert min(costs, key=lambda name: costs[name]) == "popular"
    assert max(costs, key=lambda name: costs[name]) == "hybrid"


def test_the_command_chooses_and_what_was_chosen_serves(workspace: Path) -> None:
    asked = ["eval", "-d", "hm", "-k", "12", "-s", "itemknn,popular", "-w", workspace]
    before = (workspace / "recsys.toml").read_text()
    run(*asked)
    assert (workspace / "recsys.toml").read_text() == before
    told = run(*asked, "--choose").stderr
    lead = json.loads((workspace / "eval" / "hm-itemknn-popular.json").read_text())["lead"]
    able = [lead["best"], *lead["level"]]
    chosen = min(able, key=lambda name: STRATEGIES[name].cost)
    assert f"hm: {chosen} serves from now on" in told
    for dataset, strategy in (("hm", chosen), ("rr", "auto")):
        asked = ["recommend", "--user", "nobody", "-d", dataset, "--json", "-w", workspace]
        assert json.loads(run(*asked).stdout)["strategy"] == strategy


def test_what_was_chosen_before_it_is_built_says_how_to_build_it(shop: Path) -> None:
    shutil.copytree(shop, root := shop / "other", ignore=shutil.ignore_patterns("other"))
    told = run("eval", "-d", "hm", "-k", "12", "-s", "popular", "--choose", "-w", root).stderr
    assert "hm: popular serves from now on" in told
    assert "build all" in told


def test_status_names_evidence_that_is_older_than_a_model(workspace: Path) -> None:
    def told() -> str:
        return run("status", "-w", workspace).stdout

    run("eval", "-d", "hm", "-k", "12", "-s", "collab,popular", "-w", workspace)
    assert "was measured before" not in told()
    file = workspace / "eval" / "hm-collab-popular.json"
    kept = json.loads(file.read_text())
    earlier = datetime.now(UTC) - timedelta(days=30)
    file.write_text(json.dumps(kept | {"measured": earlier.isoformat()}))
    sentence = "eval/hm-collab-popular.json was measured before als.train and popular were rebuilt"
    assert sentence in told()
    assert sentence in json.loads(run("status", "--json", "-w", workspace).stdout)["evidence"]
    assert sentence not in run("status", "-d", "rr", "-w", workspace).stdout
    for strange in ({}, [], {"dataset": "hm"}, kept | {"measured": 3}, kept | {"strategies": 3}):
        file.write_text(json.dumps(strange))
        assert "was measured before" not in told()


def test_a_build_makes_evidence_old(workspace: Path) -> None:
    run("eval", "-d", "hm", "-k", "12", "-s", "popular", "-w", workspace)
    file = workspace / "eval" / "hm-popular.json"
    kept = json.loads(file.read_text())
    # Times are kept to the second.
    just = datetime.fromisoformat(kept["measured"]) - timedelta(seconds=2)
    file.write_text(json.dumps(kept | {"measured": just.isoformat()}))
    build(workspace, "popular", force=True)
    assert (
        "eval/hm-popular.json was measured before popular was rebuilt"
        in run("status", "-w", workspace).stdout
    )
