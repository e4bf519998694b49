"""The page's files, without a browser: complete, self-contained, and open to who has no key."""

import re
from importlib.resources import files

import pytest
from starlette.testclient import TestClient

from recsys_cli.evaluation.report import view
from recsys_cli.serve.pagefiles import PAGE, PAGE_PATHS
from serve.conftest import app_over

KINDS = {".html", ".js", ".css", ".svg"}
SCRIPTS = sorted(PAGE.rglob("*.js"))


def test_ships_in_the_package():
    assert files("recsys_cli").joinpath("serve/page/index.html").is_file()
    assert {file.suffix for file in PAGE.rglob("*") if file.is_file()} == KINDS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_imports_what_there_is_and_makes_no_markup(script):
    text = script.read_text()
    for target in re.findall(r'from "([^"]+)"', text):
        assert target.startswith("."), f"{target} is not a file of the page"
        assert (script.parent / target).is_file()
    for way_out in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
    ):
        assert way_out not in text


def test_asks_nobody_else():
    namespace = "http://www.w3.org/2000/svg"
    for file in PAGE.rglob("*"):
        if file.is_file():
            assert not re.findall(r"https?://", file.read_text().replace(namespace, ""))


def test_has_no_script_or_style_of_its_own_in_its_markup():
    text = (PAGE / "index.html").read_text()
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""]
    assert not re.findall(r"<style|\sstyle=|\son\w+=", text)


def test_loads_all_of_its_scripts_at_once_behind_a_skeleton():
    text = (PAGE / "index.html").read_text()
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', text)
    assert sorted(preloaded) == sorted(str(file.relative_to(PAGE)) for file in SCRIPTS)
    main = re.search(r"<main.*?</main>", text, re.S)
    assert main is not None
    assert "ghost" in main[0]


def test_colours_strategies_as_the_report_does():
    script = (PAGE / "why.js").read_text()
    order = re.search(r"const ORDER = \[(.*?)\]", script, re.DOTALL)
    assert order is not None
    assert tuple(re.findall(r'"(\w+)"', order[1])) == view._COLOURED
    assert f"const COLOURS = {view.COLOURS};" in script
    report = files("recsys_cli").joinpath("evaluation/report/templates/style.css").read_text()
    colour = re.compile(r"--(s\d|base): ?(#\w+);?")
    ours = colour.findall((PAGE / "style.css").read_text())
    assert ours == colour.findall(report)
    assert len(ours) == 2 * (view.COLOURS + 1)


def test_is_sent_without_a_key_and_looked_at_again(built, tmp_path):
    app = app_over(built, tmp_path, api_key="secret")
    with TestClient(app) as asked:
        for path in sorted(PAGE_PATHS):
            answer = asked.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-cache"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
        for path in ("/users", "/items", "/../pagefiles.py", "/nothing.js"):
            assert asked.get(path).status_code == 401
