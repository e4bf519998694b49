"""Miniatures of public exports, from `recsys init` to a recommendation, with nothing by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from datasets.formats import EVENTS, FORMATS, Format
from recsys_cli.assembly import load_config
from recsys_cli.cli.app import app
from recsys_cli.datasets.ingest import attempt
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Format]:
    made: Format = request.param
    folder = tmp_path / "data" / "shop"
    folder.mkdir(parents=True)
    made.write(folder)
    run("init", "-w", tmp_path)
    return tmp_path, made


each = pytest.mark.parametrize("workspace", FORMATS.values(), ids=list(FORMATS), indirect=True)


@each
def test_what_init_writes_reads_every_event(workspace: tuple[Path, Format]) -> None:
    root, made = workspace
    config = load_config(root).datasets["shop"]
    out = root / "out"
    out.mkdir()
    report, findings = attempt("shop", config, workspace=root, out=out)
    assert report is not None, [str(each) for each in findings if each.status == "fail"]
    assert (report.users, report.items) == made.seen
    assert report.skipped == 0
    if made.time is None:
        assert report.first is None
    else:
        times = [made.time(event) for event in EVENTS]
        assert (report.first or "")[:19] == min(times)
        assert (report.last or "")[:19] == max(times)
    for key, value in (made.settings or {}).items():
        assert getattr(config, key) == value
    written = (root / "recsys.toml").read_text().partition('path = "data/shop"\n')[2]
    assert written.partition("\n\n")[0] in DOCUMENTED


@pytest.mark.slow
@each
def test_from_init_to_a_recommendation(workspace: tuple[Path, Format]) -> None:
    root, _ = workspace
    run("validate", "-w", root)
    run("build", "popular", "als.train", "-w", root)
    user = IdTable.from_pack(load_pack(root / "artifacts/ids_shop.joblib"), "user").to_list()[0]
    answer = json.loads(run("recommend", "--user", user, "-s", "collab", "--json", "-w", root))
    assert answer["items"]
