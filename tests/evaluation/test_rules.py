"""What rules cost and bring is measured with and without them, on what is served."""

import json
import re

import pytest
from typer.testing import CliRunner

from conftest import build
from recsys_cli.cli.app import app

RULES = """
[datasets.hm]
kind = "hm"
path = "data/hm_raw"
[[datasets.hm.rules.boost]]
name = "ladies"
where = "index_group_name=Ladies"
by = 3
[[datasets.hm.rules.cap]]
column = "product_type_name"
most = 1
"""
TOGETHER = "popular + all rules"


@pytest.fixture(scope="module")
def ruled(made_once, raw):
    def make(root):
        path = root / "recsys.toml"
        path.write_text(path.read_text() + RULES)
        build(root, "popular", "index")

    return made_once("ruled", make, raw)


def measure(root, *arguments, code=0):
    asked = ["eval", "-d", "hm", "-s", "popular", "-k", "5,12", *arguments, "-w", root]
    result = CliRunner().invoke(app, [str(argument) for argument in asked])
    assert result.exit_code == code, result.output
    return result


def figures(root, *arguments):
    return json.loads(measure(root, *arguments, "--json", "-").stdout)


def test_each_rule_and_all_together_are_compared_with_none(ruled):
    found = figures(ruled, "--rules", "all")
    every = ["popular", "popular + ladies", "popular + cap product_type_name", TOGETHER]
    assert list(found["strategies"]) == every
    assert list(found["differences"]) == every[1:]
    assert found["rules"] == ["ladies", "cap product_type_name"]
    plain, boosted, capped, _ = (found["strategies"][name]["all"] for name in every)
    assert boosted["boosted@12"]["value"] > plain["boosted@12"]["value"]
    assert capped["diversity@12"]["value"] > plain["diversity@12"]["value"]
    gained = found["differences"]["popular + ladies"]["all"]["boosted@12"]
    assert 0 < gained["low"] <= gained["value"] <= gained["high"]
    served = figures(ruled)
    assert list(served["strategies"]) == ["popular"]
    assert served["strategies"]["popular"] == found["strategies"][TOGETHER]
    assert served["rules"] == found["rules"]
    none = figures(ruled, "--rules", "none")
    assert none["strategies"] == {"popular": found["strategies"]["popular"]}
    assert "rules" not in none
    assert list(figures(ruled, "--rules", "ladies")["strategies"]) == every[:2]


def test_what_is_told(ruled):
    told = measure(ruled, "--rules", "all")
    assert "difference that rules make" in told.stdout
    row = next(line for line in told.stdout.splitlines() if re.search("popular . ladies.*→", line))
    assert "*" in row
    few = "datasets.hm.rules.where=['product_type_name=Dress']"
    told = measure(ruled, "--set", few)
    assert re.search(r"under the rules \d+ lists of popular have fewer than 12 items", told.stderr)


def test_a_report_shows_them(ruled, tmp_path):
    page = tmp_path / "report.html"
    measure(ruled, "--rules", "all", "--report", page)
    text = page.read_text()
    assert "Boosted" in text
    assert "popular + ladies" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rules", "lady"], "hm has no rule 'lady' (did you mean ladies?)"),
        (["--rules", "all", "--baseline", "popular"], "compares every strategy with itself"),
        (["--rules", "all", "--choose"], "--choose is about what is served"),
        (["--set", "datasets.hm.rules.cap=[{column='x',most=1}]"], "rule 'cap x': items of hm"),
    ],
)
def test_what_makes_no_sense_is_refused(ruled, arguments, message):
    assert message in measure(ruled, *arguments, code=2).stderr
