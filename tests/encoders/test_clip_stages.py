"""A CLIP, random but real, through the stages and `recsys search`."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import PICTURES, build
from encoders.conftest import ARCHITECTURE
from recsys_cli.cli.app import app
from recsys_cli.encoders import encode_picture
from recsys_cli.store.packs import load_pack
from recsys_cli.store.workspace import Workspace


@pytest.fixture(scope="module")
def pictured(raw, tiny_clip_checkpoint, tmp_path_factory) -> Path:
    """H&M's sample items by their pictures alone; one picture is cut short."""
    root = tmp_path_factory.mktemp("pictured") / "workspace"
    shutil.copytree(raw, root)
    shutil.rmtree(root / "data/rr_raw")
    broken = pictures(root)[-1]
    broken.write_bytes(broken.read_bytes()[:400])
    (root / "recsys.toml").write_text(
        f'[image]\nencoder = "open_clip:{ARCHITECTURE}/{tiny_clip_checkpoint}"\n'
        'device = "cpu"\ndtype = "fp32"\n'
    )
    build(root, "embed.image", "index", "index.all")
    return root


def pictures(root: Path) -> list[Path]:
    return sorted((root / "data/hm_raw/images").rglob("*.jpg"))


def searched(root: Path, *arguments: object) -> list[dict]:
    command = ["search", *map(str, arguments), "--json", "-w", str(root)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["items"]


def ids(root: Path) -> list[str]:
    return pl.read_parquet(root / "artifacts/items_hm.parquet")["item"].to_list()


def test_each_picture_stands_at_its_own_item(pictured, tiny_clip):
    pack = load_pack(pictured / "artifacts/content_hm.joblib")
    assert pack["vectors"].shape == (250, 32)
    assert pack["has_image"].sum() == PICTURES - 1
    for picture in pictures(pictured)[:3]:
        row = ids(pictured).index(picture.stem)
        alone = encode_picture(picture, tiny_clip)[0]
        np.testing.assert_allclose(pack["vectors"][row], alone, atol=1e-4)


def test_a_picture_cut_short_is_listed_by_file(pictured):
    facts = Workspace(pictured).manifest("embed.image", "hm").facts
    assert facts["skipped"] == 1
    broken = pictures(pictured)[-1]
    listed = {Path(file).name: reason for file, reason in facts["skipped_files"]}
    assert "truncated" in listed[broken.name].casefold()
    assert ids(pictured).index(broken.stem) >= 0


@pytest.mark.parametrize("options", [[], ["--dataset", "hm"]])
def test_searching_by_picture_finds_its_item(pictured, options):
    picture = pictures(pictured)[0]
    first = searched(pictured, "--image", picture, *options)[0]
    assert first["item"] == picture.stem
    assert first["score"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("options", [[], ["--dataset", "hm"]])
def test_words_reach_pictures_through_the_text_tower(pictured, tiny_clip, options):
    pack = load_pack(pictured / "artifacts/content_hm.joblib")
    scores = pack["vectors"] @ tiny_clip.encode_text(["something nice"])[0]
    scores[~pack["has_image"]] = -np.inf
    found = searched(pictured, "something nice", "-k", 5, *options)
    best = np.argsort(-scores, kind="stable")[:5]
    assert [one["item"] for one in found] == [ids(pictured)[row] for row in best]
    np.testing.assert_allclose([one["score"] for one in found], scores[best], atol=1e-5)
