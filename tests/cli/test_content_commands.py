"""`embed`, `index`, `usermodel`, `similar`, `search`, and the strategy content, as typed."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import CONFIG, QUICK
from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.config.encoders import CONTENT_LEFT_OUT, SUGGESTED
from recsys_cli.encoders import configured
from recsys_cli.engine import queries as searching
from recsys_cli.errors import in_words
from recsys_cli.store.packs import load_pack

ANSI = re.compile(r"\x1b\[[0-9;]*m")
FIELDS = ["rank", "item", "score", "name", "sources"]


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def said(result) -> str:
    return " ".join(ANSI.sub("", result.output).split())


def items_of(workspace: Path, dataset: str) -> pl.DataFrame:
    return pl.read_parquet(workspace / f"artifacts/items_{dataset}.parquet")


def pictured(workspace: Path) -> Path:
    return min((workspace / "data/hm_raw/images").rglob("*.jpg"))


@pytest.fixture
def off(workspace: Path) -> Path:
    """A workspace that names no encoder and never had vectors."""
    (workspace / "recsys.toml").write_text(
        "[als]\nfactors = 16\niterations = 5\n[twotower]\nfolds = 2\nepochs = 1\nmax_pairs = 1000\n"
        "[hybrid]\nwindows = 1\nrounds = 10\nmin_in_leaf = 20\n"
    )
    kinds = ("content", "user_vectors", "text_", "image_", "faiss")
    for path in (workspace / "artifacts").iterdir():
        if path.name.startswith(kinds):
            path.unlink()
    return workspace


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        (["embed", "text"], {"embed.text"}),
        (["embed", "image"], {"embed.image"}),
        (["index"], {"index", "index.all"}),
        (["index", "--dataset", "hm"], {"index"}),
        (["usermodel"], {"usermodel"}),
    ],
)
def test_commands_run_their_stages(workspace, command, stages):
    shown = run(*command, "--force", "-w", workspace).stdout
    assert {line.split()[1] for line in shown.splitlines() if " ran " in line} == stages
    assert " ran " not in run(*command, "-w", workspace).stdout


def test_similar_items_share_the_type(built):
    items = items_of(built, "hm")
    item = pictured(built).stem
    answer = json.loads(run("similar", "--item", item, "-k", 5, "--json", "-w", built).stdout)
    assert (answer["item"], answer["dataset"]) == (item, "hm")
    assert [list(found) for found in answer["items"]] == [FIELDS] * 5
    assert item not in {found["item"] for found in answer["items"]}
    scores = [found["score"] for found in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    types = dict(zip(items["item"], items["product_type_name"], strict=True))
    assert types[answer["items"][0]["item"]] == types[item]
    shown = run("similar", "--item", item, "-k", 5, "-w", built).stdout
    assert all(found["item"] in shown for found in answer["items"])
    condition = f"product_type_name={types[item]}"
    only = run("similar", "--item", item, "--where", condition, "--json", "-w", built).stdout
    assert {types[found["item"]] for found in json.loads(only)["items"]} == {types[item]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["similar", "--item", "nope"], "no dataset has an item 'nope'"),
        (["similar", "--item", "nope", "--dataset", "hm"], "hm has no item 'nope'"),
        (["search"], "search for words"),
        (["search", "dress", "--image", "x.jpg"], "search for words"),
        (["search", "   "], "nothing to search for"),
        (["search", "zzqqx"], "no item's text has any of the words"),
        (["search", "--image", "x.jpg", "--dataset", "rr"], "no item of rr has a picture"),
    ],
)
def test_wrong_usage_is_a_sentence(built, arguments, message):
    result = run(*arguments, "-w", built, code=2)
    assert message in said(result)


@pytest.mark.parametrize("dataset", ["hm", None])
def test_searching_for_words_finds_items_that_have_them(built, dataset):
    items = items_of(built, "hm")
    wanted = items["product_type_name"].mode()[0]
    options = ["--dataset", dataset] if dataset else []
    answer = json.loads(run("search", wanted, "-k", 5, "--json", *options, "-w", built).stdout)
    keys = ["query", "dataset", "strategy_used", "fallback_reason", "items"]
    assert list(answer) == [*keys, "understood"]
    assert (answer["query"], answer["dataset"]) == (wanted, dataset or "all")
    types = dict(zip(items["item"], items["product_type_name"], strict=True))
    assert len(answer["items"]) == 5
    for found in answer["items"]:
        assert list(found) == [*FIELDS, "dataset", "matched"]
        assert found["dataset"] == "hm"
    assert types[answer["items"][0]["item"]] == wanted
    shown = run("search", wanted, "-k", 5, *options, "-w", built).stdout
    assert all(found["item"] in shown for found in answer["items"])


@pytest.mark.parametrize("dataset", ["hm", None])
def test_searching_for_a_picture_finds_its_item(built, dataset):
    picture = pictured(built)
    options = ["--dataset", dataset] if dataset else []
    answer = json.loads(run("search", "--image", picture, "--json", *options, "-w", built).stdout)
    assert answer["query"] == str(picture)
    assert answer["items"][0]["item"] == picture.stem
    assert answer["items"][0]["score"] == pytest.approx(1, abs=1e-5)


def test_words_reach_pictures_where_the_image_encoder_reads_them(built, monkeypatch):
    """A query that equals an item's picture vector finds that item, by words it does not have."""
    pack = load_pack(built / "artifacts/image_embeddings_hm.joblib")
    row = int(np.flatnonzero(pack["has"])[0])

    class Tower:
        name = pack["encoder"]

        def encode_text(self, texts):
            return np.asarray(pack["vectors"][[row]])

    monkeypatch.setattr(searching, "configured_image_encoder", lambda *_, **__: Tower())
    found = json.loads(run("search", "zzqqx", "-d", "hm", "--json", "-w", built).stdout)["items"]
    assert found[0]["item"] == items_of(built, "hm")["item"][row]


def test_another_encoder_than_the_index_has_is_refused(workspace):
    run("embed", "text", "--set", "text.encoder=lsa:16", "-w", workspace)
    for options in ([], ["--dataset", "hm"]):
        result = run("search", "dress", *options, "-w", workspace, code=3)
        assert "vectors were made with lsa:32@" in said(result)
        assert f"recsys index -w {workspace}" in said(result)
    options = ["--set", "image.encoder=open_clip:ViT-B-32/laion2b_s34b_b79k"]
    result = run("search", "--image", pictured(workspace), *options, "-w", workspace, code=3)
    assert "vectors were made with histogram@" in said(result)


def test_an_index_of_other_items_is_refused(workspace):
    raw = workspace / "data/hm_raw/articles.csv"
    lines = raw.read_text().splitlines()
    new = lines[-1].replace(lines[-1].split(",")[0], "0999999999", 1)
    raw.write_text("\n".join([*lines, new]) + "\n")
    run("ingest", "-w", workspace)
    assert "other items" in said(run("search", "dress", "-w", workspace, code=3))
    item = items_of(workspace, "hm")["item"][0]
    assert "other users or items" in said(run("similar", "-i", item, "-w", workspace, code=3))


@pytest.mark.parametrize(
    "command",
    [
        ["embed", "text"],
        ["index"],
        ["usermodel"],
        ["search", "dress"],
        ["search", "dress", "--dataset", "hm"],
        ["recommend", "--user", "123", "--strategy", "content"],
        ["eval", "--strategy", "content", "--dataset", "hm"],
    ],
    ids=" ".join,
)
def test_while_content_is_off_commands_say_how_to_turn_it_on(off, command):
    result = run(*command, "-w", off, code=2)
    assert '[text] encoder = "sentence-transformers:all-MiniLM-L6-v2"' in said(result)
    assert '"lsa"' in said(result)


@pytest.mark.slow
def test_while_content_is_off_the_rest_works(off):
    run("build", "all", "-w", off)
    answer = json.loads(run("recommend", "--user", 123, "--json", "-w", off).stdout)
    assert answer["strategy_used"] == "hybrid"
    item = items_of(off, "hm")["item"][0]
    alike = json.loads(run("similar", "-i", item, "--json", "-w", off).stdout)["items"]
    assert {source for found in alike for source in found["sources"]} <= {"collab"}
    measured = json.loads(run("eval", "-d", "hm", "--json", "-", "-w", off).stdout)
    assert "content" not in measured["strategies"]
    run("status", "--check", "-w", off)


def test_what_was_made_before_content_was_switched_off_is_not_used(workspace):
    """Nor warned of: no build keeps it up to date."""
    used = ["content", "user_vectors"]
    assert all((workspace / f"artifacts/{kind}_hm.joblib").exists() for kind in used)
    user = pl.read_parquet(workspace / "artifacts/users_hm.parquet")["user"][0]
    asked = ["recommend", "--user", user, "--dataset", "hm", "-k", 100, "--json", "-w", workspace]

    def sources(answer) -> set[str]:
        return {name for item in json.loads(answer.stdout)["items"] for name in item["sources"]}

    assert "content" in sources(run(*asked))
    kept = "[als]\nfactors = 16\niterations = 5\n"
    kept += CONFIG[CONFIG.index("[twotower]") :]
    (workspace / "recsys.toml").write_text(kept)
    answer = run(*asked)
    assert sources(answer)
    assert "content" not in sources(answer)
    assert answer.stderr == ""
    run(*asked, "--strategy", "content", code=2)


def test_without_a_config_a_build_says_once_what_turns_content_on(raw, tmp_path):
    shutil.copytree(raw, tmp_path / "w")
    (tmp_path / "w/recsys.toml").unlink()
    quick = ["als.iterations=1", "hybrid.enabled=false", "twotower.enabled=false"]
    options = [word for setting in quick for word in ("--set", setting)]
    built = run("build", "all", *options, "-w", tmp_path / "w")
    lines = [line for line in ANSI.sub("", built.stderr).splitlines() if "left out" in line]
    told = in_words(CONTENT_LEFT_OUT).replace("recsys init", f"recsys init -w {tmp_path / 'w'}")
    assert lines == [told]
    assert "left out" not in run("build", "ingest", "-w", tmp_path / "w").stderr
    assert "left out" not in run("build", "all", "--dry-run", "-w", raw).stderr


@pytest.mark.parametrize("installed", [True, False])
def test_init_names_the_encoders_that_can_work_here(tmp_path, monkeypatch, installed):
    monkeypatch.setattr(configured, "find_spec", lambda name: name if installed else None)
    (tmp_path / "data/hm_raw").mkdir(parents=True)
    (tmp_path / "data/hm_raw/transactions_train.csv").write_text("t_dat\n")
    run("init", "-w", tmp_path)
    config = load_config(tmp_path)
    assert config.text.encoder == SUGGESTED["text"][not installed]
    assert config.image.encoder is None
    (tmp_path / "data/hm_raw/images/010").mkdir(parents=True)
    (tmp_path / "data/hm_raw/images/010/0108775015.jpg").touch()
    run("init", "--force", "-w", tmp_path)
    config = load_config(tmp_path)
    assert config.image.encoder == SUGGESTED["image"][not installed]
    written = (tmp_path / "recsys.toml").read_text().splitlines()
    for part, other in (("text", installed), ("image", installed)):
        lines = [
            line
            for line in written
            if line.startswith(f'encoder = "{getattr(config, part).encoder}"')
        ]
        assert len(lines) == 1
        assert f'# or "{SUGGESTED[part][other]}"' in lines[0]


def test_a_model_that_cannot_be_had_leaves_the_rest_built(raw, tmp_path, monkeypatch):
    def no_network(name):
        raise OSError("Name or service not known")

    monkeypatch.setattr(configured, "hub_folder", no_network)
    root = tmp_path / "w"
    shutil.copytree(raw, root)
    (root / "recsys.toml").write_text(f'[text]\nencoder = "{SUGGESTED["text"][0]}"\n{QUICK}')
    failed = run("build", "all", "--set", "als.iterations=1", "-w", root, code=2)
    assert '[text] encoder = "sentence-transformers:all-MiniLM-L6-v2"' in said(failed)
    assert "--local-dir FOLDER" in said(failed)
    assert '"lsa", which needs no download' in said(failed)
    asked = ["--user", 123, "--dataset", "rr", "--json", "-w", root]
    answer = run("recommend", *asked, "--set", "als.iterations=1")
    assert "collab" in json.loads(answer.stdout)["items"][0]["sources"]


def test_the_demo_switches_content_on_unless_there_is_a_config(tmp_path):
    sizes = ["--customers", 120, "--transactions", 2000, "--articles", 100, "--no-images"]
    result = run("demo", *sizes, "-w", tmp_path)
    assert "recsys.toml" in result.stderr
    written = (tmp_path / "recsys.toml").read_text()
    assert 'encoder = "lsa"' in written
    assert "[image]" not in written
    (tmp_path / "recsys.toml").write_text("# mine\n")
    assert "recsys.toml" not in run("demo", *sizes, "-w", tmp_path).stderr
    assert (tmp_path / "recsys.toml").read_text() == "# mine\n"


@pytest.mark.slow
def test_items_nobody_has_bought_yet_are_recommended_by_content(tmp_path):
    run("demo", "--no-images", "-w", tmp_path)
    options = ["-d", "hm", "--strategy", "content,popular", "-k", 12, "-w", tmp_path]
    measured = json.loads(run("eval", "--json", "-", *options).stdout)["strategies"]
    cold = {name: measured[name]["cold_items"]["recall@12"]["value"] for name in measured}
    assert cold["content"] > 0.05
    assert cold["content"] >= 5 * cold["popular"]
