"""A strategy that fails for some users fails for nobody else, and it is said for whom."""

import csv
import shutil

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import REALDATA, build
from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.registry import build_strategy
from recsys_cli.errors import ArtifactError
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.contract import Recommendations
from recsys_cli.ranking.fallback import FAILED, WithFallback
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.itemknn import ItemKnnConfig
from recsys_cli.strategies.itemknn.train import train_itemknn
from strategies import shop

BAD = {3, 9, 17}


class Failing:
    """Collab, but for some users."""

    def __init__(self, inner, error=ValueError):
        self._inner, self._error = inner, error
        self.name, self.n_items = inner.name, inner.n_items
        self.unknown_reason, self.reference = inner.unknown_reason, inner.reference

    def knows(self, users):
        return self._inner.knows(users)

    def recommend(self, users, **options):
        if BAD & set(users.tolist()):
            raise self._error("scores are not finite")
        return self._inner.recommend(users, **options)


@pytest.fixture
def chains():
    packs = shop.all_packs()
    whole = build_strategy("collab", packs)
    failing = WithFallback([Failing(whole.chain[0]), *whole.chain[1:]])
    return whole, failing


@pytest.mark.parametrize("excluding", [False, True])
def test_the_others_get_what_they_always_got(chains, excluding):
    whole, failing = chains
    users = np.arange(-1, shop.N_USERS, dtype=np.int32)
    exclude = shop.history().take(users) if excluding else None
    want = whole.answer(users, k=4, exclude=exclude)
    got = failing.answer(users, k=4, exclude=exclude)
    bad = np.isin(users, list(BAD))
    np.testing.assert_array_equal(got.recommendations.items[~bad], want.recommendations.items[~bad])
    np.testing.assert_array_equal(got.failed, bad)
    assert "scores are not finite" in got.failure
    for row in np.flatnonzero(bad):
        assert got.fallback_reason(row) == FAILED
        assert got.strategy_used(row) == "popular"
    for row in np.flatnonzero(~bad):
        assert got.fallback_reason(row) == want.fallback_reason(row)
    assert not want.failed.any()
    assert want.failure is None


def test_what_is_known_of_the_artifacts_is_not_a_users_failure(chains):
    whole, _ = chains
    failing = WithFallback([Failing(whole.chain[0], ArtifactError), *whole.chain[1:]])
    with pytest.raises(ArtifactError):
        failing.answer(np.arange(5, dtype=np.int32), k=4)


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25"])
@pytest.mark.parametrize("n_items", [2, 3, 6, 7, 50])
def test_the_similarity_of_a_zero_vector_is_zero(similarity, n_items):
    """One user of all but one of the items makes TF-IDF weigh 0."""
    keen = np.arange(n_items - 1)
    rows = [keen, [n_items - 1, 0]] if n_items > 2 else [[0], [1]]
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.concatenate([np.sort(row) for row in rows]).astype(np.int32)
    ones = np.ones(len(indices))
    data = Interactions(
        indptr.astype(np.int64), indices, ones.astype(np.float32), ones.astype(np.uint32),
        np.zeros(len(indices), np.uint32), 0, len(rows), n_items,
    )  # fmt: skip
    model = train_itemknn(data, ItemKnnConfig(similarity=similarity), threads=1)
    assert np.isfinite(model.similarity).all()


def crawled(root) -> None:
    """A shop in which one visitor has seen all items but one, and most items nobody else has."""
    folder = root / "data/shop_raw"
    folder.mkdir(parents=True)
    rows = [("keen", f"s{i}", f"2024-03-{i + 1:02d}") for i in range(19)]
    rows += [(f"u{i}", f"s{j}", f"2024-03-{20 + j % 8}") for i in range(6) for j in (i, i + 1, 19)]
    with (folder / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("user_id", "item_id", "timestamp"), *rows])
    (root / "recsys.toml").write_text(
        '[datasets.shop]\nkind = "generic"\npath = "data/shop_raw"\n'
        "[hybrid]\nenabled = false\n[twotower]\nenabled = false\n"
    )


def test_a_crawler_spoils_nobodys_lists(tmp_path):
    crawled(tmp_path)
    build(tmp_path)
    out = tmp_path / "lists.csv"
    for strategy in ("itemknn", "graph", "collab", "auto"):
        arguments = ["recommend", "--all", "-o", out, "-s", strategy, "-k", "3", "-w", tmp_path]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        assert pl.read_csv(out)["user"].n_unique() == 7


def test_the_crawler_among_the_cases(tmp_path):
    case = REALDATA.parent / "cases/14-crawler/events.csv"
    if not case.exists():
        pytest.skip(f"there is no {case}")
    crawled(tmp_path)
    shutil.copy(case, tmp_path / "data/shop_raw/events.csv")
    build(tmp_path)
    engine = Engine(Workspace(tmp_path), "shop", config=load_config(tmp_path))
    answer = engine.recommend_one("keen", strategy="itemknn", k=5)
    assert answer["fallback_reason"] != FAILED


def test_a_batch_names_whom_it_failed_for(workspace, tmp_path, monkeypatch):
    from recsys_cli.ranking.products import ByProduct

    inner = ByProduct.recommend

    def recommend(self, users, **options) -> Recommendations:
        if self.name == "collab" and 5 in users:
            raise FloatingPointError("overflow in a product")
        return inner(self, users, **options)

    monkeypatch.setattr(ByProduct, "recommend", recommend)
    out = tmp_path / "lists.csv"
    arguments = [
        "recommend",
        "--all",
        "-o",
        out,
        "-s",
        "collab",
        "--dataset",
        "hm",
        "-w",
        workspace,
    ]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    user = Engine(Workspace(workspace), "hm").artifacts.users[5]
    assert f"1 user got a fallback's list: collab failed for user {user}: " in result.output
    assert "overflow in a product" in result.output
    assert pl.read_csv(out, schema_overrides={"user": pl.String})["user"].n_unique() == 300
