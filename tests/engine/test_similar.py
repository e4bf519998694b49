from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from recsys_cli.engine.similar import Similar
from recsys_cli.errors import ArtifactError, Command, UsageError
from recsys_cli.store.idtable import IdTable
from recsys_cli.strategies.content.fusion import ContentVectors
from recsys_cli.strategies.content.itemindex_build import build_index
from strategies import shop


@dataclass
class Artifacts(shop.Packs):
    """The shop's artifacts, with ids and names."""

    dataset: str = "shop"
    still_there: None = None
    items: IdTable = field(
        default_factory=lambda: IdTable.from_strings(f"{i:03}" for i in range(shop.N_ITEMS))
    )
    names: IdTable = field(
        default_factory=lambda: IdTable.from_strings(f"Item {i}" for i in range(shop.N_ITEMS))
    )

    def build_command(self) -> Command:
        return Command("build", "all")


@pytest.fixture
def artifacts() -> Artifacts:
    return Artifacts(shop.all_packs().packs)


def rows(answer: list[dict]) -> list[int]:
    return [int(item["item"]) for item in answer]


def index_of(artifacts: Artifacts):
    content = ContentVectors.from_pack(artifacts.pack("content"))
    return build_index(
        content.vectors[content.has],
        np.flatnonzero(content.has),
        encoders=content.space.encoders,
        items_fingerprint="",
    )


def test_the_promised_shape(artifacts):
    answer = Similar(artifacts).item("004", k=3)
    head = ["item", "dataset", "strategy_used", "fallback_reason", "rules", "items"]
    assert list(answer) == head
    assert (answer["item"], answer["dataset"]) == ("004", "shop")
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    for item in answer["items"]:
        assert list(item) == ["rank", "item", "score", "name", "sources"]
        assert item["name"] == f"Item {int(item['item'])}"
        assert item["sources"] == ["content"]
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize("indexed", [False, True])
def test_finds_items_alike_in_order_and_not_the_item_itself(artifacts, indexed):
    vectors = artifacts.pack("content")["vectors"]
    similar = Similar(artifacts, index=index_of(artifacts) if indexed else None)
    for row in range(shop.N_ITEMS):
        got = similar.rows(row, k=7)
        want = vectors @ vectors[row]
        want[row] = -np.inf
        assert rows(got) == np.argsort(-want, kind="stable")[:7].tolist()
        assert all(i % 2 == row % 2 for i in rows(got))
        np.testing.assert_allclose([item["score"] for item in got], want[rows(got)], atol=1e-6)


def test_an_index_changes_no_bit_of_the_answer(artifacts):
    plain, indexed = Similar(artifacts), Similar(artifacts, index=index_of(artifacts))
    allow = np.arange(shop.N_ITEMS) % 3 > 0
    for row in range(shop.N_ITEMS):
        assert plain.rows(row, k=5) == indexed.rows(row, k=5)
        assert plain.rows(row, k=5, allow=allow) == indexed.rows(row, k=5, allow=allow)
        assert len(indexed.rows(row, k=99)) == shop.N_ITEMS - 1


def test_the_allow_list_holds_and_the_list_is_refilled(artifacts):
    allow = np.arange(shop.N_ITEMS) % 3 == 0
    similar = Similar(artifacts)
    everything = rows(similar.rows(6, k=shop.N_ITEMS))
    got = rows(similar.rows(6, k=4, allow=allow))
    assert got == [i for i in everything if allow[i]][:4]


def test_an_item_without_text_and_picture_is_compared_by_its_factors(artifacts):
    for part in ("has_text", "has_image"):
        artifacts.pack("content")[part][[2, 9]] = False
    similar = Similar(artifacts)
    got = similar.rows(2, k=3)
    assert {tuple(item["sources"]) for item in got} == {("collab",)}
    assert all(i % 2 == 0 for i in rows(got))
    factors = artifacts.pack("als")["item_factors"]
    first = rows(got)[0]
    cosine = factors[2] @ factors[first] / np.prod(np.linalg.norm(factors[[2, first]], axis=1))
    assert got[0]["score"] == pytest.approx(cosine, abs=1e-5)
    others = similar.rows(4, k=shop.N_ITEMS)
    assert others[0]["sources"] == ["content"]
    assert not {2, 9} & set(rows(others))


def test_without_content_factors_serve_and_without_either_nothing(artifacts):
    only = Artifacts({"als": artifacts.pack("als")})
    assert Similar(only).rows(3, k=1)[0]["sources"] == ["collab"]
    assert Similar(only).rows(shop.NEVER_SEEN, k=4) == []
    with pytest.raises(ArtifactError, match="no content vectors"):
        Similar(only).like(np.ones(4, np.float32), k=1)
    with pytest.raises(ArtifactError, match="neither") as error:
        Similar(Artifacts({})).item("003", k=1)
    assert error.value.hint == "recsys build all"


def test_an_item_there_is_not(artifacts):
    with pytest.raises(UsageError, match="shop has no item '999'"):
        Similar(artifacts).item("999", k=1)


def test_searching_by_a_vector(artifacts):
    content = ContentVectors.from_pack(artifacts.pack("content"))
    query = content.space.query_vector(text=np.array([0, 1, 0, 0, 0], np.float32))
    for similar in (Similar(artifacts), Similar(artifacts, index=index_of(artifacts))):
        got = similar.like(query, k=7)
        assert all(i % 2 == 1 for i in rows(got))
        np.testing.assert_allclose(
            [item["score"] for item in got], content.vectors[rows(got)] @ query, atol=1e-6
        )
