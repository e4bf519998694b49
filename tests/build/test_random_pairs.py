"""Without times, what is learned, tuned and evaluated on is random pairs that are held out."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.tuning import Search, find_target, tune
from recsys_cli.cli.app import app
from recsys_cli.progress import Silent
from recsys_cli.store.packs import load_pack
from recsys_cli.store.snapshot import FIRST_ROUND, NOW, Snapshot, in_random_rounds
from recsys_cli.store.workspace import Workspace

RATINGS = "data/ratings.csv"
CONFIG = """
[datasets.shop]
kind = "generic"
path = "data"
columns = { user = "user_id", item = "item_id", value = "rating" }
repurchase = false
[als]
factors = 8
iterations = 3
[hybrid]
windows = 1
rounds = 20
min_in_leaf = 20
"""
N_USERS, N_ITEMS = 80, 40


def planted() -> pl.DataFrame:
    """Users of even numbers like the items of even numbers, and all like the first ones more."""
    rng = np.random.default_rng(5)
    had = []
    for user in range(N_USERS):
        liked = np.arange(N_ITEMS)[np.arange(N_ITEMS) % 2 == user % 2]
        chances = 1 / (5 + np.arange(len(liked)))
        items = rng.choice(liked, 6 + user % 7, replace=False, p=chances / chances.sum())
        had += [(f"u{user:03}", f"i{item:03}", int(rng.integers(1, 6))) for item in items]
    # Everything is there, so that the catalogue is the same whatever is held out.
    had += [("u999", f"i{item:03}", 3) for item in range(N_ITEMS)]
    return pl.DataFrame(had, schema=["user_id", "item_id", "rating"], orient="row")


def write(root: Path, ratings: pl.DataFrame) -> Path:
    (root / "data").mkdir(parents=True)
    ratings.write_csv(root / RATINGS)
    (root / "recsys.toml").write_text(CONFIG)
    return root


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace without times, with both snapshots built. Do not write to it."""
    root = write(tmp_path_factory.mktemp("timeless") / "workspace", planted())
    for snapshot in (NOW, FIRST_ROUND):
        build(root, snapshot=snapshot)
    return root


class Told(Silent):
    """Keeps what a long task says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_the_ranker_learns_from_rounds_of_random_pairs(shop: Path) -> None:
    workspace = Workspace(shop)
    for snapshot, earlier in (
        (NOW, [(1,), (2,)]),
        (FIRST_ROUND, [(1, 2), (1, 3)]),
    ):
        manifest = workspace.manifest("hybrid.train", "shop", snapshot)
        assert manifest is not None
        assert manifest.facts["learned_from"] == "random pairs held out"
        read = {name.partition("@")[2] for name in manifest.recipe.inputs if "@" in name}
        assert read == {str(Snapshot(leave_random=rounds)) for rounds in earlier}
        assert not {"transitions", "two_tower_vectors"} & manifest.recipe.inputs.keys()
    facts = json.loads(workspace.path("ranker_facts", "shop").read_text())
    assert facts["learned_from"] == "random pairs held out"
    assert facts["windows"][-1]["groups"] > 20
    # What is the same for all pairs, as what needs times is, tells nothing.
    assert not [name for name, _ in facts["gains"] if "days" in name or "trend" in name]


def test_built_again_nothing_is_to_be_done(shop: Path) -> None:
    for snapshot in (NOW, FIRST_ROUND):
        assert {step.action for step in build(shop, snapshot=snapshot)} == {"skipped"}
    states = json.loads(run("status", "--json", "-w", shop))["stages"]
    assert {state["state"] for state in states} == {"fresh"}
    assert {"leave-random-1-out", "leave-random-2-out"} <= {s["snapshot"] for s in states}


def canonical(ratings: pl.DataFrame) -> pl.DataFrame:
    """The rows that ids become, which are in their order as text."""
    return ratings.with_columns(
        (pl.col(column).rank("dense") - 1).cast(pl.Int32).alias(name)
        for name, column in (("user", "user_id"), ("item", "item_id"))
    )


def first_round(ratings: pl.DataFrame) -> pl.Series:
    return canonical(ratings).select(in_random_rounds((1,))).to_series()


def other_ratings(ratings: pl.DataFrame) -> pl.DataFrame:
    """What is held out is rated otherwise."""
    rating = pl.when(first_round(ratings)).then(6 - pl.col("rating")).otherwise("rating")
    return ratings.with_columns(rating.alias("rating"))


def more_often(ratings: pl.DataFrame) -> pl.DataFrame:
    """What is held out is there three times."""
    out = ratings.filter(first_round(ratings))
    return pl.concat([out, ratings, out])


def other_items(ratings: pl.DataFrame) -> pl.DataFrame:
    """Other items are held out, where there are such that come first in the order of chance."""
    out, parts = first_round(ratings), []
    everything = ratings["item_id"].unique().sort()
    for (user,), own in ratings.with_columns(out=out).group_by("user_id", maintain_order=True):
        kept, held = own.filter(~pl.col("out")), own.filter("out")
        for item in everything if len(held) == 1 else []:
            row = pl.DataFrame([(user, item, 3)], schema=ratings.schema, orient="row")
            candidate = pl.concat([kept.drop("out"), row])
            others = ratings.filter(pl.col("user_id") != user)
            held_now = first_round(pl.concat([others, candidate]))
            if item not in own["item_id"] and held_now[-1]:
                parts.append(candidate)
                break
        else:
            parts.append(own.drop("out"))
    return pl.concat(parts)


def outputs(root: Path, snapshot: Snapshot) -> dict[str, bytes]:
    """Every file that a snapshot has of its own."""
    folder = root / "artifacts" / snapshot.folder
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*_shop*"))}


@pytest.mark.parametrize("change", [other_ratings, more_often, other_items])
def test_what_is_held_out_changes_nothing(
    shop: Path, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    ratings = pl.read_csv(shop / RATINGS)
    changed = change(ratings)
    keys = ["user_id", "item_id", "rating"]
    assert changed.columns == keys
    assert not changed.sort(keys).equals(ratings.sort(keys))
    other = write(tmp_path / "workspace", changed)
    build(other, snapshot=FIRST_ROUND)
    ours, theirs = (load_pack(root / "artifacts/ids_shop.joblib") for root in (shop, other))
    for side in ("users_fingerprint", "items_fingerprint"):
        assert ours[side] == theirs[side], "the change was to leave users and items alone"
    for snapshot in (FIRST_ROUND, *(Snapshot(leave_random=(1, n)) for n in (2, 3))):
        want, got = outputs(shop, snapshot), outputs(other, snapshot)
        assert "als_shop.joblib" in want
        assert [name for name in want if want[name] != got[name]] == []
    assert "ranker_shop.txt" in outputs(shop, FIRST_ROUND)


def test_the_order_of_rows_does_not_say_what_is_held_out(shop: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "workspace", planted().sample(fraction=1, shuffle=True, seed=3))
    build(other, "als.export", snapshot=FIRST_ROUND)
    ours, theirs = (
        Workspace(root).pack("interactions", "shop", FIRST_ROUND) for root in (shop, other)
    )
    assert np.array_equal(ours["indices"], theirs["indices"])


def test_evaluation_says_that_random_pairs_are_held_out(shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(shop, root)
    files = ["--json", tmp_path / "eval.json", "--report", tmp_path / "eval.html"]
    said = run("eval", "-k", 10, *files, "-w", root)
    assert "shop: random-out, random pairs held out, 81 users" in said
    assert "Warning: random pairs are held out" in said
    assert "on random pairs held out, " in said
    assert "transitions of leave-random-1-out: the events of shop carry no time" in said
    assert "random-out: random pairs held out" in (tmp_path / "eval.html").read_text()
    found = json.loads((tmp_path / "eval.json").read_text())
    assert (found["protocol"], found["cutoff"]) == ("random-out", None)
    assert found["snapshot"] == "leave-random-1-out"
    figures = {name: groups["all"] for name, groups in found["strategies"].items()}
    # Tastes are planted, and popular does not know of them.
    assert figures["collab"]["recall@10"]["value"] > figures["popular"]["recall@10"]["value"]
    assert figures["hybrid"]["recall@10"]["value"] > figures["popular"]["recall@10"]["value"]
    again = run("eval", "-k", 10, "--set", "eval.protocol=leave-last-out", "-w", root)
    assert "shop: random-out, random pairs held out" in again
    assert "built" not in again


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["eval", "--horizon", "7d"], 2, "random-out has no window"),
        (["eval", "--cutoff", "2020-01-01"], 2, "random-out has no window"),
        (["eval", "--windows", "2"], 2, "random-out has no window"),
        (["eval", "--protocol", "temporal"], 1, "--protocol random-out"),
        (["eval", "--protocol", "leave-last-out"], 1, "--protocol random-out"),
        (["eval", "-s", "transitions"], 1, "it learns from their order"),
        (["tune", "als", "--cutoff", "2020-01-01"], 2, "random-out has no window"),
    ],
)
def test_what_needs_times_is_refused(
    shop: Path, arguments: list[str], code: int, message: str
) -> None:
    assert message in run(*arguments, "-w", shop, code=code)


def test_tuning_holds_out_rounds_that_evaluation_does_not_test_on(
    shop: Path, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(shop, root)
    progress = Told()
    found = tune(
        Opened(root, progress=progress),
        "shop",
        Search(target=find_target("als"), trials=1, windows=1),
    )
    assert (found.snapshots, found.held_out) == (
        ["leave-random-1-4-out"],
        ["leave-random-1-2-out", "leave-random-1-3-out"],
    )
    assert found.users > N_USERS // 2
    assert "rounds of random pairs held out" in " ".join(progress.lines)


@pytest.mark.slow
def test_a_log_with_times_is_split_by_chance_when_asked(workspace: Path) -> None:
    said = run("eval", "--protocol", "random-out", "-s", "popular", "-d", "rr", "-w", workspace)
    assert "rr: random-out, random pairs held out" in said
