"""Hints name commands that do what they say, wherever they are typed."""

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import REPOSITORY
from recsys_cli.cli.app import app
from recsys_cli.cli.console import in_workspace, rendered
from recsys_cli.errors import (
    Command,
    ConfigError,
    in_words,
    install_extra,
    missing_library,
    parts_of,
    pip_install,
)

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return ANSI.sub("", result.stdout + result.stderr)


def commands_in(output: str) -> list[list[str]]:
    """The words of the commands that a message tells to run."""
    return [shlex.split(line) for line in re.findall(r"recsys ([^`\n]+)", output)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which no hint may write into."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("RECSYS_WORKSPACE", raising=False)
    yield folder
    assert not list(folder.iterdir())


def test_an_empty_workspace_is_filled_where_it_is(tmp_path):
    empty = tmp_path / "my shop"
    empty.mkdir()
    demo, init = commands_in(run("build", "all", "-w", empty, code=2))
    assert (demo, init) == (["demo", "-w", str(empty)], ["init", "-w", str(empty)])
    sizes = ["--customers", 20, "--transactions", 200, "--articles", 20, "--no-images"]
    (following,) = commands_in(run(*demo, *sizes))
    assert following == ["build", "all", "-w", str(empty)]
    assert (empty / "data/hm_raw").is_dir()
    assert "would run" in run(*following, "--dry-run")


def test_init_leads_on_from_where_it_wrote(raw, tmp_path):
    shop = tmp_path / "shop"
    shutil.copytree(raw, shop)
    (again,) = commands_in(run("init", "-w", shop, code=2).replace(" replaces it", ""))
    assert again == ["init", "--force", "-w", str(shop)]
    (validate,) = commands_in(run(*again))
    assert "PASS" in run(*validate)


def test_a_build_resumes_where_it_failed(raw, tmp_path):
    shop = tmp_path / "shop"
    shutil.copytree(raw, shop)
    (shop / "data/rr_raw/events.csv").rename(tmp_path / "aside")
    output = run("build", "ingest", "popular", "-d", "rr", "--keep-going", "-w", shop, code=1)
    resume = commands_in(output)[-1]
    assert resume == [
        "build", "ingest", "popular", "--dataset", "rr", "--keep-going", "-w", str(shop)
    ]  # fmt: skip
    (tmp_path / "aside").rename(shop / "data/rr_raw/events.csv")
    run(*resume)
    assert (shop / "artifacts/popular_rr.joblib").is_file()


def test_what_is_missing_or_stale_is_built_where_it_is(workspace):
    asked = ["recommend", "--user", 123, "-s", "popular", "-w", workspace]
    (workspace / "artifacts/popular_rr.joblib").unlink()
    (build,) = commands_in(run(*asked, code=3))
    assert build == ["build", "all", "--dataset", "rr", "-w", str(workspace)]
    run("build", "popular", *build[2:])
    with (workspace / "recsys.toml").open("a") as config:
        config.write("[popular]\nwindow_days = 3\n")
    output = run(*asked)
    assert "Warning: out of date" in output
    (build,) = commands_in(output)
    run("build", "popular", *build[2:])
    assert "popular (made" not in run(*asked)


def test_a_journal_that_is_not_to_be_trusted_is_put_aside_where_it_is(workspace):
    journal = workspace / "artifacts/.journal.json"
    journal.write_text(json.dumps({"moves": [["../x", "../y"]]}))
    output = run("build", "popular", "-w", workspace, code=1).replace(" puts it aside", "")
    (recover,) = commands_in(output)
    assert recover == ["recover", "-w", str(workspace)]
    run(*recover)
    assert not journal.exists()


@pytest.mark.parametrize("told", ["current", "variable", "another"])
def test_the_workspace_is_named_only_where_it_has_to_be(told, tmp_path, monkeypatch):
    shop = tmp_path / "shop"
    shop.mkdir()
    if told == "current":
        monkeypatch.chdir(shop)
        output = run("build", "all", "-w", ".", code=2)
    else:
        named = shop if told == "variable" else tmp_path
        monkeypatch.setenv("RECSYS_WORKSPACE", str(named))
        output = run("build", "all", *(["-w", shop] if told == "another" else []), code=2)
    where = ["-w", str(shop)] if told == "another" else []
    assert commands_in(output) == [["demo", *where], ["init", *where]]


def test_a_hint_is_words_and_commands():
    build = Command("build", "all", "--set", "text.encoder='lsa'")
    error = ConfigError("no", hint=("run `", build, "`"))
    assert error.hint == in_words(error.advice)
    assert shlex.split(error.hint.strip("run `"))[1:] == list(build.words)
    assert parts_of("a", None, ("b", build)) == ("a", "b", build)
    in_workspace(Path("/shop"))
    assert rendered(Command("init", "-w", "x")) == "recsys init -w x"
    assert rendered(Command("init")) == "recsys init -w /shop"
    in_workspace(None)
    assert rendered(Command("init")) == "recsys init"


def test_settings_that_were_given_stand_in_hints_that_need_them(tmp_path):
    given = ["--set", "als.factors=9", "--set", "text.encoder='lsa'"]
    output = run("build", "all", *given, "-w", tmp_path, code=2)
    assert commands_in(output) == [["demo", "-w", str(tmp_path)], ["init", "-w", str(tmp_path)]]
    in_workspace(None, given[1::2])
    assert shlex.split(rendered(Command("build")))[1:] == ["build", *given]
    assert (
        rendered(Command("build", "--set", "als.factors=3")) == "recsys build --set als.factors=3"
    )
    assert rendered(Command("install", program="pip")) == "pip install"


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["recommend", "0123"], "did you mean 123?"),
        (["similar", "0{item}"], "did you mean {item}?"),
        (["similar", "0{item}", "-d", "rr"], "did you mean {item}?"),
        (["recommend", "123", "-s", "hybird"], "did you mean hybrid?"),
        (["recommend", "123", "-d", "rrr"], "did you mean rr?"),
        (["build", "als.trian"], "did you mean als.train?"),
        (["recomend", "123"], "Did you mean 'recommend'"),
    ],
)
def test_what_was_probably_meant_is_named(built, command, meant):
    item = pl.read_parquet(built / "artifacts/items_rr.parquet")["item"][0]
    words = [word.format(item=item) for word in command]
    output = run(*words, *(["-w", built] if words[0] != "recomend" else []), code=2)
    assert meant.format(item=item) in output


def test_a_user_that_is_written_otherwise_is_pointed_out(built):
    output = run("recommend", "0123", "-d", "rr", "-w", built)
    assert "rr has no user '0123'; did you mean 123?" in output
    assert "did you mean" not in run("recommend", "nobody", "-d", "rr", "-w", built)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("als.factrs=3", "--set als.factrs=3: there is no such setting (did you mean factors?)"),
        ("als.factors=-1", "--set als.factors=-1: "),
        ("als.factors=x", "--set als.factors=x: "),
        ("als=3", "--set als=3: "),
        ("alls.factors=3", "--set alls.factors=3: there is no such setting (did you mean als?)"),
        ("eval.k=[3,x]", "--set eval.k=[3,x]: "),
        ("datasets.rr.als.factors=-1", "--set datasets.rr.als.factors=-1: "),
        ("datasets.rr.kind=foo", "--set datasets.rr.kind=foo: there is no kind 'foo'"),
        (
            "datasets.r.kind=generic",
            "kind=generic: path has to be set; beside it there is hm, rr",
        ),
        ("als", "--set 'als' is not of the form"),
    ],
)
def test_a_setting_that_was_given_is_called_so(built, setting, message):
    output = run("status", "--set", setting, "-w", built, code=2)
    assert message in output
    assert "recsys.toml" not in output


def test_what_is_missing_is_installed_beside_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", "/opt/my shop/python")
    in_workspace(tmp_path)
    assert rendered(pip_install("x>=1")) == "'/opt/my shop/python' -m pip install 'x>=1'"
    error = missing_library("this", "that", extra="spark", otherwise="or do without")
    assert (error.exit_code, error.message) == (2, "this needs that, which is not installed")
    installing = "'/opt/my shop/python' -m pip install 'recsys-cli[spark]'"
    assert error.hint == f"{installing}; or do without"
    assert "CUDA" in in_words(install_extra("content"))
    # Nothing else tells how to install, and each extra that is named is one.
    source = REPOSITORY / "src/recsys_cli"
    for file in source.rglob("*.py"):
        assert "pip install" not in file.read_text(), file
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    text = "".join(file.read_text() for file in source.rglob("*.py"))
    named = re.findall(r'(?:install_extra\(|extra=)"(?!forbid)(\w+)"', text)
    assert {"content", "twotower", "spark", "sql", "cloud"} == set(named)
    assert set(named) <= extras["project"]["optional-dependencies"].keys()
