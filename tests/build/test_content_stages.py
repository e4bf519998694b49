"""Embedding, indexing and user vectors as stages: what runs again, on what, and what is off."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from conftest import CONFIG, PICTURES, QUICK, build
from encoders.fakes import FakeText
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.status import status_of
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.build.run import Builder
from recsys_cli.errors import ConfigError, UsageError
from recsys_cli.store.kinds import ALL
from recsys_cli.store.packs import load_pack
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content import runs as content_runs
from recsys_cli.strategies.content import stages as content
from recsys_cli.strategies.content.itemindex import load_index
from recsys_cli.strategies.content.itemsources import SourceRows

CONTENT = {"embed.text", "embed.image", "index", "index.all", "usermodel"}
ALS = "[als]\nfactors = 16\niterations = 5\n[hybrid]\nenabled = false\n"
TOWER = CONFIG[CONFIG.index("[twotower]") :]
TOWERS = ("twotower.facts", "twotower.fit", "twotower.train")
NO_TOWER = ["twotower.enabled=false"]


class Told:
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def start(self, what, total=None): ...
    def advance(self, steps=1): ...
    def log(self, message): ...


def steps(root: Path, *targets: str, overrides=(), progress=None, datasets=None, **options):
    config = load_config(root, overrides)
    builder = Builder(Workspace(root), config, default_graph(), progress=progress)
    chosen = datasets or list(config.datasets)
    return list(builder.build(targets or ("all",), datasets=chosen, **options))


def by_name(found) -> dict[str, str]:
    return {f"{s.dataset} {s.stage}": s.action for s in found}


def facts(root: Path, stage: str, dataset: str) -> dict:
    manifest = Workspace(root).manifest(stage, dataset)
    assert manifest
    return manifest.facts


def pack(root: Path, kind: str, dataset: str) -> dict:
    return load_pack(Workspace(root).path(kind, dataset))


def change_texts(root: Path, rows: int) -> None:
    path = root / "data/hm_raw/articles.csv"
    articles = pl.read_csv(path, infer_schema=False)
    changed = pl.int_range(pl.len()) < rows
    text = pl.concat_str("detail_desc", pl.lit(" Changed, number "), "article_id")
    articles.with_columns(
        detail_desc=pl.when(changed).then(text).otherwise("detail_desc")
    ).write_csv(path)


def test_unchanged_texts_are_never_encoded_again(workspace, monkeypatch):
    encoder = FakeText()
    for module in (content, content_runs):
        monkeypatch.setattr(module, "configured_text_encoder", lambda *_, **__: encoder)
    (workspace / "recsys.toml").write_text(CONFIG.replace('"lsa:32"', '"fake"'))
    build(workspace, "embed.text")
    first = encoder.encoded
    vectors = np.array(pack(workspace, "text_embeddings", "hm")["vectors"])
    assert first > 250
    build(workspace, "embed.text", force=True)
    assert encoder.encoded == first
    assert facts(workspace, "embed.text", "hm")["encoded"] == 0
    assert (np.asarray(pack(workspace, "text_embeddings", "hm")["vectors"]) == vectors).all()
    change_texts(workspace, 10)
    build(workspace, "embed.text")
    assert encoder.encoded == first + 10
    assert facts(workspace, "embed.text", "hm")["encoded"] == 10
    now = np.asarray(pack(workspace, "text_embeddings", "hm")["vectors"])
    assert (now != vectors).any(axis=1).sum() == 10


def test_pictures_are_encoded_when_they_change_and_left_out_when_damaged(workspace):
    pictures = sorted((workspace / "data/hm_raw/images").rglob("*.jpg"))
    assert len(pictures) == PICTURES
    assert facts(workspace, "embed.image", "hm")["items_with_vectors"] == PICTURES
    assert facts(workspace, "embed.image", "hm")["missing"] == 250 - PICTURES
    Image.open(pictures[0]).rotate(90).save(pictures[0])
    data = pictures[1].read_bytes()
    pictures[1].write_bytes(data[: len(data) // 2])
    told = Told()
    found = steps(workspace, overrides=NO_TOWER, progress=told)
    made = {f"{s.dataset} {s.stage}": s for s in found}
    assert made["hm embed.image"].action == "ran"
    assert made["hm embed.image"].reason == "pictures changed"
    assert facts(workspace, "embed.image", "hm")["encoded"] == 1
    assert facts(workspace, "embed.image", "hm")["skipped"] == 1
    assert pictures[1].name in " ".join(told.warnings)
    assert made["hm index"].action == "ran"
    assert made["rr index"].action == "skipped"
    items = pl.read_parquet(workspace / "artifacts/items_hm.parquet")["item"].to_list()
    has = pack(workspace, "content", "hm")["has_image"]
    assert has[items.index(pictures[0].stem)]
    assert not has[items.index(pictures[1].stem)]
    assert set(by_name(steps(workspace, overrides=NO_TOWER)).values()) == {"skipped"}


@pytest.mark.slow
def test_the_encoder_is_fitted_on_all_datasets_together(raw, tmp_path):
    root = tmp_path / "workspace"
    shutil.copytree(raw, root)
    (root / "recsys.toml").write_text(f'{QUICK}[text]\nencoder = "lsa:32"\n')
    steps(root, datasets=["hm"])
    alone = pack(root, "text_embeddings", "hm")["encoder"]
    found = steps(root)
    again = next(s for s in found if (s.dataset, s.stage) == ("hm", "embed.text"))
    assert (again.action, again.reason) == ("ran", "ids_rr is new")
    together = {pack(root, "text_embeddings", name)["encoder"] for name in ("hm", "rr")}
    assert len(together) == 1
    assert together != {alone}
    assert set(by_name(steps(root)).values()) == {"skipped"}


def test_one_index_holds_the_items_of_all_datasets(built):
    opened = Workspace(built)
    rows = SourceRows.from_pack(pack(built, "all_index_rows", ALL))
    assert opened.path("all_index", ALL).name == "faiss_items.faiss"
    assert opened.path("index", "hm").name == "faiss_items_hm.faiss"
    index = load_index(
        opened.path("all_index", ALL),
        encoders=rows.space.encoders,
        dim=rows.space.dim,
        items_fingerprint=rows.items_fingerprint,
    )
    assert len(index) == 500
    assert json.loads(opened.path("all_index_facts", ALL).read_text())["recall"] == 1.0
    for dataset in ("hm", "rr"):
        number = rows.number(dataset, 3)
        assert rows.row[number] == 3
        found, _ = index.search(index.vector(number)[None], k=1)
        assert found[0, 0] == number or rows.dataset[found[0, 0]] == rows.dataset[number]


def test_without_encoders_content_is_left_out(workspace):
    (workspace / "recsys.toml").write_text(ALS)
    assert not CONTENT & {s.stage for s in steps(workspace, dry_run=True)}
    states = status_of(Opened(workspace)).stages
    assert not CONTENT & {s.name for s in states}
    # The two-tower does without content then, which makes it another one, and the ranker is off
    # in the workspace that was built.
    left = {*TOWERS, "hybrid.train"}
    assert {s.state for s in states if s.name not in left} == {"fresh"}


@pytest.mark.parametrize(
    ("stage", "ways"),
    [
        ("embed.text", ("sentence-transformers:all-MiniLM-L6-v2", '[text] encoder = "lsa"')),
        ("embed.image", ("open_clip:ViT-B-32", '[image] encoder = "histogram"')),
        ("index", ("sentence-transformers:", '"lsa"', '"histogram"')),
        ("index.all", ("sentence-transformers:", '"lsa"', '"histogram"')),
        ("usermodel", ("sentence-transformers:", '"lsa"', '"histogram"')),
    ],
)
def test_naming_what_is_off_says_what_to_write(workspace, stage, ways):
    (workspace / "recsys.toml").write_text(ALS)
    with pytest.raises(ConfigError, match="names no") as error:
        steps(workspace, stage)
    for way in ways:
        assert way in (error.value.hint or "")


@pytest.mark.slow
def test_with_pictures_alone_items_without_one_are_not_found(workspace):
    (workspace / "recsys.toml").write_text(f'{ALS}{TOWER}[image]\nencoder = "histogram"\n')
    told = Told()
    found = steps(workspace, progress=told)
    assert not [s for s in found if s.error]
    assert "embed.text" not in {s.stage for s in found}
    hm, rr = pack(workspace, "content", "hm"), pack(workspace, "content", "rr")
    assert hm["text_dim"] == 0
    assert hm["has_image"].sum() == PICTURES
    # The other dataset has no pictures at all, which must not stop the build.
    assert rr["vectors"].shape == (250, 0)
    assert "no item of rr" in " ".join(told.warnings)
    assert not pack(workspace, "user_vectors", "rr")["known"].any()
    assert set(by_name(steps(workspace)).values()) == {"skipped"}


def test_events_without_a_catalogue_build_with_encoders_named(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [f"{user},{(user * 7 + step) % 9}" for user in range(12) for step in range(3)]
    (tmp_path / "data/orders.csv").write_text("\n".join(["user_id,item_id", *rows]) + "\n")
    (tmp_path / "recsys.toml").write_text(
        f'{CONFIG}[datasets.shop]\nkind = "generic"\npath = "data"\n'
    )
    build(tmp_path)
    assert pack(tmp_path, "content", "shop")["vectors"].shape == (9, 0)
    assert facts(tmp_path, "index.all", ALL)["vectors"] == 0
    assert set(by_name(steps(tmp_path)).values()) == {"skipped"}


def test_with_texts_alone_the_weights_do_not_matter(workspace):
    (workspace / "recsys.toml").write_text(f'{QUICK}[text]\nencoder = "lsa:32"\n')
    build(workspace)
    assert pack(workspace, "content", "hm")["image_dim"] == 0
    assert pack(workspace, "content", "hm")["text_weight"] == 1.0


def test_datasets_with_different_encoders_have_no_common_index(workspace):
    different = ["datasets.rr.text.encoder=lsa:16"]
    found = steps(workspace, overrides=different, dry_run=True)
    assert "all index.all" not in by_name(found)
    assert by_name(found)["rr embed.text"] == "would run"
    with pytest.raises(ConfigError, match="different ones for different datasets"):
        steps(workspace, "index.all", overrides=different)
    with pytest.raises(UsageError, match="about all datasets"):
        steps(workspace, "index.all", datasets=["hm"])


@pytest.mark.parametrize(
    ("setting", "stale"),
    [
        ("content.half_life_days=30", {"usermodel"}),
        ("content.availability_weight=0", {"usermodel"}),
        ("content.text_weight=0.9", {"index", "index.all", "usermodel", *TOWERS}),
        ("index.kind=exact", {"index", "index.all", "usermodel", *TOWERS}),
        ("image.workers=1", set()),
        ("text.device=cpu", set()),
        (
            "text.encoder=lsa:16",
            {"embed.text", "index", "index.all", "usermodel", *TOWERS},
        ),
    ],
)
def test_a_setting_makes_exactly_its_readers_stale(workspace, setting, stale):
    found = steps(workspace, overrides=[setting], dry_run=True)
    assert {s.stage for s in found if s.action == "would run"} == stale


def test_an_encoder_that_cannot_be_loaded_fails_its_stage_alone(workspace):
    broken = ["text.encoder=sentence-transformers:./nowhere"]
    found = steps(workspace, overrides=broken, keep_going=True)
    failed = {(s.dataset, s.stage): s.error for s in found if s.action == "failed"}
    assert failed.keys() == {("hm", "embed.text"), ("rr", "embed.text")}
    error = failed["hm", "embed.text"]
    assert '[text] encoder = "sentence-transformers:./nowhere"' in error.message
    assert '"lsa"' in (error.hint or "")
    blocked = {s.stage for s in found if s.action == "blocked"}
    assert blocked == {"index", "index.all", "usermodel", *TOWERS}
    assert by_name(found)["hm als.train"] == "skipped"
