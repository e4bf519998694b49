"""What a search lists and says in small shops: of items that went, and of pictures not there."""

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from recsys_cli.cli.app import app

WORDS = ("red", "blue", "green", "black")
CONFIG = """[text]
encoder = "lsa:4"
[twotower]
enabled = false
[hybrid]
enabled = false
"""


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.output


def shop(root: Path, name: str, gone: int) -> str:
    """Write a shop whose last items left its catalogue, and its section of recsys.toml."""
    folder = root / "data" / name
    folder.mkdir(parents=True)
    ids = [f"{name}{n}" for n in range(12)]
    events = [f"u{n % 7},{ids[n % 12]},2021-01-{1 + n % 28:02d}" for n in range(90)]
    (folder / "log.csv").write_text("\n".join(["user_id,item_id,date", *events, ""]))
    items = [f"{one},{WORDS[n % 4]} dress {WORDS[n // 4]}" for n, one in enumerate(ids)]
    (folder / "items.csv").write_text("\n".join(["item_id,name", *items[: 12 - gone], ""]))
    return f'[datasets.{name}]\nkind = "generic"\npath = "data/{name}"\n'


def pictures(root: Path, name: str) -> None:
    """Draw a picture of each item of a shop, called after it."""
    for item in range(12):
        Image.new("RGB", (32, 32), WORDS[item % 4]).save(root / "data" / name / f"{name}{item}.png")


@pytest.mark.parametrize("setting", ["hide", "keep"])
def test_what_left_a_catalogue_is_found_by_no_search_unless_it_is_kept(
    tmp_path: Path, setting: str
) -> None:
    sections = [f'{shop(tmp_path, name, gone=2)}gone_items = "{setting}"\n' for name in "ab"]
    (tmp_path / "recsys.toml").write_text(
        f'{"".join(sections)}{CONFIG}[image]\nencoder = "histogram"\n'
    )
    for name in "ab":
        pictures(tmp_path, name)
    run("build", "index", "index.all", "-w", tmp_path)
    picture = tmp_path / "data/a/a11.png"
    for where, all_of in (([], "ab"), (["-d", "a"], "a")):
        asked = ("search", "--image", picture, "-k", 24, "--json", *where, "-w", tmp_path)
        found = {item["item"] for item in json.loads(run(*asked))["items"]}
        gone = {f"{name}{n}" for name in all_of for n in (10, 11)}
        assert {f"{name}0" for name in all_of} <= found
        assert found & gone == (gone if setting == "keep" else set())


def test_hints_about_a_picture_lead_to_an_answer_or_to_the_truth(tmp_path: Path) -> None:
    (tmp_path / "recsys.toml").write_text(shop(tmp_path, "a", gone=0) + CONFIG)
    picture = tmp_path / "mine.png"
    Image.new("RGB", (32, 32), "red").save(picture)
    run("build", "index", "index.all", "-w", tmp_path)
    asked = ("search", "--image", picture, "-w", tmp_path)
    option = ("--set", "image.encoder=histogram")
    for options in ((), option):
        said = " ".join(run(*asked, *options, code=2).split())
        assert "no item of a has a picture to compare with → put pictures below data/a" in said
    pictures(tmp_path, "a")
    run("ingest", "--force", "-w", tmp_path)
    run("build", "index", "index.all", "-w", tmp_path)
    assert "--set image.encoder=histogram" in run(*asked, code=2)
    hint = run(*asked, *option, code=3).partition("→")[2]
    for command in " ".join(hint.split()).split("&&"):
        run(*shlex.split(command)[1:])
    assert json.loads(run(*asked, *option, "--json"))["items"]
