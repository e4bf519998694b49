"""The commands as a user types them: output, exit codes, sentences in place of stack traces."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from committed import commit
from conftest import QUICK, REPOSITORY
from recsys_cli import __version__
from recsys_cli.assembly import default_graph
from recsys_cli.cli.app import app
from recsys_cli.cli.commands import COMMANDS, GROUPS
from recsys_cli.store.workspace import Workspace

runner = CliRunner()
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def run(*arguments: object, code: int = 0):
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def recommend(workspace: Path, *arguments: object) -> dict:
    return json.loads(run("recommend", *arguments, "--json", "-w", workspace).stdout)


def test_version():
    assert run("--version").stdout == f"recsys {__version__}\n"


def every_command(command=None, path=()):
    import typer.main

    command = command or typer.main.get_command(app)
    yield path, command
    for name in getattr(command, "commands", ()):
        yield from every_command(command.get_command(None, name), (*path, name))


def test_the_table_says_of_a_command_what_its_function_says():
    from recsys_cli.cli.stages import STAGES

    assert [name for name, entry in COMMANDS.items() if entry.where is None] == [*STAGES]
    for name, entry in COMMANDS.items():
        if entry.where:
            assert entry.help == entry.function(name).__doc__
    assert {name.split()[0] for name in COMMANDS if " " in name} == GROUPS.keys()


@pytest.mark.parametrize("path", [path for path, _ in every_command()], ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = dict(every_command())[path]
    assert command.help
    for parameter in command.params:
        assert parameter.name == "help" or getattr(parameter, "help", None), parameter.name
    assert "Usage" in run(*path, "--help").output


def test_the_surface_that_scripts_rely_on():
    names = {" ".join(path) for path, _ in every_command()}
    assert names >= {
        "init", "demo", "validate", "ingest", "embed text", "embed image", "index", "usermodel",
        "als export", "als train", "als import", "build", "recommend", "similar", "search", "eval",
        "status", "doctor", "export legacy",
    }  # fmt: skip


@pytest.mark.slow
def test_recommend_json_has_the_promised_shape(built):
    answer = recommend(built, "--user", 123, "--strategy", "collab", "-k", 5)
    assert list(answer) == [
        "user", "dataset", "strategy", "strategy_used", "fallback_reason", "ranked_by", "live",
        "rules", "items",
    ]  # fmt: skip
    assert (answer["user"], answer["dataset"], answer["strategy_used"]) == ("123", "rr", "collab")
    assert answer["fallback_reason"] is None
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5]
    for item in answer["items"]:
        assert list(item) == ["rank", "item", "score", "name", "sources"]
        assert item["sources"] == ["collab"]
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_seen_items_follow_the_spec_and_the_flags(built):
    events = pl.read_parquet(built / "artifacts/events_rr.parquet")
    users = pl.read_parquet(built / "artifacts/users_rr.parquet")["user"].to_list()
    items = pl.read_parquet(built / "artifacts/items_rr.parquet")["item"].to_list()
    seen = {items[i] for i in events.filter(pl.col("user") == users.index("123"))["item"]}
    every = ["--user", 123, "-k", len(items), "--strategy", "popular"]
    assert not seen & {i["item"] for i in recommend(built, *every)["items"]}
    assert seen & {i["item"] for i in recommend(built, *every, "--include-seen")["items"]}


def test_excluded_items_and_conditions_hold(built):
    first = recommend(built, "--user", 123)["items"][0]["item"]
    without = recommend(built, "--user", 123, "--exclude", first)["items"]
    assert first not in {i["item"] for i in without}
    assert len(without) == 12
    unknown = run("recommend", "--user", 123, "--exclude", "nope", "--json", "-w", built)
    assert "no item 'nope'" in unknown.stderr
    assert len(json.loads(unknown.stdout)["items"]) == 12
    items = pl.read_parquet(built / "artifacts/items_hm.parquet")
    group = items["product_group_name"].mode()[0]
    user = pl.read_parquet(built / "artifacts/users_hm.parquet")["user"][0]
    answer = recommend(built, "--user", user, "--where", f"product_group_name={group}")
    wanted = set(items.filter(pl.col("product_group_name") == group)["item"])
    assert {i["item"] for i in answer["items"]} <= wanted
    assert len(answer["items"]) == 12
    two = [f"product_group_name not in x,{group}", "product_type_no>=260"]
    answer = recommend(built, "--where", *two, "-k", 5, "--user", user)
    wanted = items.filter(pl.col("product_group_name") != group)
    wanted = set(wanted.filter(pl.col("product_type_no").cast(pl.Int64) >= 260)["item"])
    assert {i["item"] for i in answer["items"]} <= wanted
    assert len(answer["items"]) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--user", "nobody"], 2, "no dataset has a user 'nobody'"),
        ([], 2, "--user"),
        (["--all"], 2, "--out"),
        (["--all", "--out", "x.parquet"], 2, "--dataset hm"),
        (["--user", "123", "--strategy", "magic"], 2, "no strategy 'magic'"),
        (["--user", "123", "--dataset", "nope"], 2, "no dataset 'nope'"),
        (["--user", ""], 2, "--user is empty"),
        (["--user", "123", "--where", "price"], 2, "column=value"),
        (["--user", "123", "--where", "nope=1"], 2, "no column 'nope'"),
        (["--user", "123", "--where", "categoryid=-5"], 2, "no item has categoryid=-5"),
        (["--user", "123", "-k", "0"], 2, "-k"),
        (["--user", "123", "--as-of", "yesterday"], 2, "not a date"),
        (["--user", "123", "--as-of", "2001-01-01"], 3, "recsys build all --dataset rr --as-of"),
        (["--user", "123", "--set", "als.nope=1"], 2, "als.nope=1: there is no such setting"),
        (["--user", "123", "--set", "als.factors=-1"], 2, "als.factors"),
        (["--all", "--dataset", "rr", "--out", "x.xls"], 2, "cannot tell the format"),
        (["--all", "--dataset", "rr", "--out", "/no/where/x.csv"], 2, "no folder /no/where"),
        (
            ["--all", "--dataset", "rr", "--out", "x.parquet", "--format", "kaggle"],
            2,
            "kaggle's format is CSV",
        ),
        (["--user", "123", "--set", "als.factrs=3"], 2, "did you mean factors?"),
    ],
)
def test_wrong_usage_is_a_sentence_and_a_way_out(built, arguments, code, message):
    result = run("recommend", *arguments, "-w", built, code=code)
    assert message in " ".join(ANSI.sub("", result.output).split())
    assert "Traceback" not in result.output


def test_unknown_users_fall_back_and_say_so(built):
    answer = recommend(built, "--user", "nobody", "--dataset", "rr", "--strategy", "collab")
    assert (answer["strategy_used"], answer["fallback_reason"]) == ("popular", "unknown user")
    assert len(answer["items"]) == 12


def test_missing_artifacts_name_the_command_that_makes_them(raw):
    result = run("recommend", "--user", 123, "-w", raw, code=3)
    assert "recsys build all" in result.output


def test_a_user_in_two_datasets_asks_which(workspace):
    shutil.copytree(workspace / "data/rr_raw", workspace / "data/rr2_raw")
    text = "".join(
        f'[datasets.{name}]\nkind = "retailrocket"\npath = "data/{name}_raw"\n'
        for name in ("rr", "rr2")
    )
    (workspace / "recsys.toml").write_text(text + "[als]\nfactors = 8\niterations = 2\n" + QUICK)
    run("build", "all", "-w", workspace)
    result = run("recommend", "--user", 123, "-w", workspace, code=2)
    assert "rr and rr2" in result.output
    assert "--dataset rr" in result.output


def test_ids_that_changed_under_the_factors_are_refused(workspace):
    raw = workspace / "data/rr_raw/events.csv"
    lines = raw.read_text().splitlines()
    raw.write_text(
        "\n".join([*lines, lines[-1].replace(lines[-1].split(",")[1], "999999999")]) + "\n"
    )
    run("ingest", "-w", workspace)
    result = run("recommend", "--user", 123, "--strategy", "collab", "-w", workspace, code=3)
    assert "made for other users or items" in result.output


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_batch_files_equal_single_answers(built, tmp_path, suffix):
    out = tmp_path / f"lists.{suffix}"
    run("recommend", "--all", "--dataset", "rr", "-s", "collab", "-k", 7, "-o", out, "-w", built)
    scan = {"parquet": pl.read_parquet, "jsonl": pl.read_ndjson}.get(suffix)
    if scan:
        frame = scan(out)
    else:
        frame = pl.read_csv(out, schema_overrides={"user": pl.String, "item": pl.String})
    assert frame.columns == ["user", "rank", "item", "score", "strategy_used"]
    users = pl.read_parquet(built / "artifacts/users_rr.parquet")["user"].to_list()
    assert frame["user"].unique(maintain_order=True).to_list() == users
    for user in ["123", *users[:3]]:
        single = recommend(built, "--user", user, "--dataset", "rr", "-s", "collab", "-k", 7)
        rows = frame.filter(pl.col("user") == user)
        assert rows["item"].to_list() == [i["item"] for i in single["items"]]
        assert rows["rank"].to_list() == list(range(1, 8))
        assert set(rows["strategy_used"]) == {single["strategy_used"]}
        assert (
            rows["score"].cast(pl.Float32).to_list()
            == pl.Series([i["score"] for i in single["items"]], dtype=pl.Float32).to_list()
        )


def test_kaggle_format(built, tmp_path):
    out = tmp_path / "submission.csv"
    run("recommend", "--all", "--dataset", "hm", "--format", "kaggle", "-o", out, "-w", built)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["customer_id", "prediction"]
    users = pl.read_parquet(built / "artifacts/users_hm.parquet")["user"].to_list()
    assert [row["customer_id"] for row in rows] == users
    single = recommend(built, "--user", users[5])
    assert rows[5]["prediction"] == " ".join(i["item"] for i in single["items"])


def test_a_failed_batch_leaves_the_old_file(built, tmp_path, monkeypatch):
    from recsys_cli.engine import batch

    out = tmp_path / "lists.parquet"
    out.write_text("old")

    def fail(*_arguments):
        raise OSError("disk full")

    monkeypatch.setattr(batch, "_sink", fail)
    result = run("recommend", "--all", "--dataset", "rr", "-o", out, "-w", built, code=1)
    assert "disk full" in result.output
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_eval_prints_tables_and_writes_json(workspace, tmp_path):
    out = tmp_path / "eval.json"
    result = run("eval", "--json", out, "-k", "5,12", "-w", workspace)
    assert "ndcg" in result.stdout
    assert "collab" in result.stdout
    hm, rr = json.loads(out.read_text())
    assert (hm["dataset"], rr["dataset"]) == ("hm", "rr")
    assert hm["protocol"] == "temporal"
    ages = [group for group in hm["groups"] if group.startswith("age_group=")]
    assert sum(hm["groups"][group] for group in ages) == hm["users"]
    assert "age_group" not in result.stdout
    metrics = hm["strategies"]["collab"]["all"]
    assert {"ndcg@5", "map@12", "recall@12", "precision@5", "mrr@5", "hitrate@12"} <= set(metrics)
    for name in ("ndcg@12", "recall@5"):
        assert metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"]
    single = json.loads(run("eval", "--json", "-", "-d", "hm", "-w", workspace).stdout)
    assert single["dataset"] == "hm"
    assert single["strategies"].keys() == {
        "hybrid", "twotower", "collab", "content", "transitions", "sessions", "itemknn", "graph",
        "repurchase", "popular",
    }  # fmt: skip


@pytest.mark.slow
def test_eval_of_what_comes_next_in_sessions(workspace, tmp_path):
    out, users, page = (tmp_path / f"eval.{kind}" for kind in ("json", "parquet", "html"))
    files = ["--json", out, "--per-user", users, "--report", page]
    options = ["-d", "rr", "-s", "sessions,popular", "-w", workspace, *files]
    result = run("eval", "--protocol", "next-in-session", *options)
    text = " ".join(result.output.split())
    assert "answered by what was known before the cut-off" not in text
    assert "sessions is best with mrr@20" in text
    found = json.loads(out.read_text())
    assert found["protocol"] == "next-in-session"
    assert found["rows"] == found["truth"]["pairs"] - found["truth"]["pairs_dropped_as_seen"]
    assert found["rows"] > found["users"] > 0
    assert f"{found['rows']:,} steps" in text
    for name in ("sessions", "popular"):
        mine = found["strategies"][name]["all"]
        # One item is relevant to each step.
        assert mine["hitrate@20"]["value"] == pytest.approx(mine["recall@20"]["value"])
    assert len(pl.read_parquet(users)) == 2 * found["rows"]
    again = run("eval", "--compare", out, out, "-w", workspace)
    assert "sessions" in again.stdout


@pytest.mark.slow
def test_eval_over_several_windows(workspace, tmp_path):
    out = tmp_path / "eval.json"
    page = tmp_path / "eval.html"
    options = ["-d", "hm", "-s", "popular,collab", "-k", "12", "-w", workspace]
    files = ["--json", out, "--report", page]
    result = run("eval", "--windows", 2, "--baseline", "collab", *files, *options)
    assert "2 windows from" in page.read_text()
    assert "2 windows of 7 days" in result.stdout
    assert "ndcg@12 by start of the window" in result.stdout
    assert "difference from collab, user by user" in result.stdout
    both = json.loads(out.read_text())
    first, last = both["windows"]
    assert (first["cutoff"], last["cutoff"]) == ("2020-09-09", "2020-09-16")
    assert first["snapshot"] == "asof=2020-09-09"
    assert first["users"] + last["users"] == both["rows"] > both["users"]
    assert both["baseline"] == "collab"
    assert both["differences"].keys() == {"popular"}
    alone = json.loads(run("eval", "--json", "-", *options).stdout)
    assert alone["cutoff"] == last["cutoff"]
    assert alone["strategies"]["collab"]["all"] == last["strategies"]["collab"]["all"]
    history = [n for group, n in alone["groups"].items() if group.startswith("history=")]
    assert sum(history) == alone["users"]
    assert "diversity@12" in alone["strategies"]["collab"]["all"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--windows", "99", "-d", "rr"], 1, "--windows"),
        (["--report", "/nowhere/eval.html"], 2, "no folder"),
        (["--protocol", "leave-last-out", "--windows", "2"], 2, "no window"),
        (["--baseline", "magic"], 2, "no strategy 'magic'"),
        (["--cutoff", "1999-01-01"], 1, "nothing to learn from"),
        (["--cutoff", "2999-01-01"], 1, "to evaluate on"),
        (["--horizon", "soon"], 2, "number of minutes, hours, days or weeks"),
        (["--strategy", "magic"], 2, "no strategy 'magic'"),
        (["-k", "ten"], 2, "whole number"),
        (["--truth", "nowhere.csv", "-d", "hm"], 1, "nowhere.csv"),
        (["--protocol", "leave-last-out", "--horizon", "7d"], 2, "no window"),
        (["--protocol", "next-in-session", "-d", "hm"], 1, "where times are days"),
    ],
)
def test_eval_refuses_with_a_sentence(workspace, arguments, code, message):
    result = run("eval", *arguments, "-w", workspace, code=code)
    assert message in " ".join(result.output.split())


def test_eval_refuses_a_truth_that_overlaps_the_history(workspace, tmp_path):
    events = pl.read_parquet(workspace / "artifacts/events_rr.parquet")
    users = pl.read_parquet(workspace / "artifacts/users_rr.parquet")["user"]
    items = pl.read_parquet(workspace / "artifacts/items_rr.parquet")["item"]
    truth = tmp_path / "truth.csv"
    pl.DataFrame(
        {"user": users.gather(events["user"][:5]), "item": items.gather(events["item"][:5])}
    ).write_csv(truth)
    result = run("eval", "--truth", truth, "-d", "rr", "-w", workspace, code=1)
    assert "also in the history" in result.output
    run("eval", "--truth", truth, "-d", "rr", "--include-seen", "-w", workspace)


def test_status_lists_every_stage_and_check_tells_by_exit_code(workspace):
    states = json.loads(run("status", "--json", "-w", workspace).stdout)["stages"]
    stages = default_graph().stages.values()
    assert {(s["dataset"], s["name"]) for s in states} == {
        (d, s.name)
        for s in stages
        for d in (["all"] if s.whole else ["hm", "rr"])
        if s.name != "hybrid.train"  # which the workspace's config turns off
    }
    for state in states:
        assert state["state"] == "fresh"
        assert (workspace / state["path"]).exists()
    run("status", "--check", "-w", workspace)
    (workspace / "artifacts/popular_hm.joblib").unlink()
    result = run("status", "--check", "-w", workspace, code=3)
    assert "missing" in result.stdout


def test_status_needs_to_write_nothing(workspace, monkeypatch):
    from recsys_cli.encoders import filehashes

    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    (workspace / "artifacts/cache/files.json").unlink()
    monkeypatch.setattr(filehashes, "write_json", refuse)
    assert "fresh" in run("status", "-w", workspace).stdout


def test_build_says_what_it_does(workspace):
    assert run("build", "-w", workspace).stdout == "All is fresh.\n"
    (workspace / "artifacts/popular_hm.joblib").unlink()
    again = run("build", "all", "-w", workspace)
    ran, rest = again.stdout.splitlines()
    assert ran.split()[:3] == ["hm", "popular", "ran"]
    assert re.fullmatch(r"\d+ stages had nothing to do\.", rest)
    assert "Next: `recsys serve" in again.stderr
    explained = run("build", "als.train", "--explain", "-w", workspace).stdout
    assert "nothing it depends on changed" in explained
    planned = run("build", "all", "--dry-run", "--set", "als.factors=9", "-w", workspace).stdout
    assert "config changed: als.factors 16 → 9" in planned
    run("build", "nonsense", "-w", workspace, code=2)


def test_a_failed_build_prints_the_command_that_resumes(workspace):
    (workspace / "data/rr_raw/events.csv").write_text("")
    result = run("build", "all", "--dataset", "rr", "-w", workspace, code=1)
    assert "events.csv" in result.output
    assert f"resume with: recsys build all --dataset rr -w {workspace}" in result.output


def test_init_writes_a_config_that_loads_and_changes_nothing(workspace):
    from recsys_cli.assembly import load_config

    (workspace / "recsys.toml").unlink()
    before = load_config(workspace)
    (workspace / "data/shop_raw").mkdir()
    (workspace / "data/shop_raw/orders.csv").write_text("user_id,item_id\n1,2\n")
    assert "generic" in run("init", "-w", workspace).stdout
    after = load_config(workspace)
    assert after.datasets["hm"] == before.datasets["hm"]
    assert after.als == before.als
    assert after.datasets["shop"].kind == "generic"
    assert "already there" in run("init", "-w", workspace, code=2).output
    run("init", "--force", "-w", workspace)


@pytest.mark.parametrize("full", [False, True], ids=["short", "full"])
def test_commented_defaults_in_the_config_are_valid(workspace, full):
    """Every commented line of a section can be switched on without changing anything."""
    from recsys_cli.assembly import load_config

    run("init", "--force", *(["--full"] if full else []), "-w", workspace)
    text = (workspace / "recsys.toml").read_text()
    active = [
        line.removeprefix("# ") if re.match(r"# \w+ = ", line) else line
        for line in text.splitlines()
    ]
    before = load_config(workspace)
    (workspace / "recsys.toml").write_text(
        "\n".join(line for line in active if "unset by default" not in line)
    )
    assert load_config(workspace) == before
    # Examples of what is unset by default are at least of the right type.
    (workspace / "recsys.toml").write_text("\n".join(active))
    if full:
        assert load_config(workspace).interactions.half_life_days == 30


def test_every_setting_is_documented():
    from recsys_cli.config import models
    from recsys_cli.config.template import descriptions

    for model in vars(models).values():
        if isinstance(model, type) and issubclass(model, models.Section):
            documented = descriptions(model)
            assert all(documented.get(name) for name in model.model_fields), model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("als = 3", "als"),
        ("[als]\nfactor = 3", "als.factor: there is no such setting"),
        ("[als\n", "not valid TOML"),
        ('[datasets.x]\nkind = "magento"\npath = "d"', "datasets.x.kind"),
        ('[datasets.x]\nkind = "hm"', "datasets.x: path has to be set"),
        (
            '[datasets.x]\nkind = "generic"\npath = "d"\njoin = [{file = "a.csv"}]',
            "datasets.x.join.0: on has to be set",
        ),
        ('[datasets."../x"]\nkind = "hm"\npath = "d"', "file name"),
        ('[datasets.x]\nkind = "hm"\npath = "d"\n[datasets.x.als]\nfactorz = 1', "factorz"),
    ],
)
def test_wrong_config_is_named(tmp_path, text, message):
    (tmp_path / "recsys.toml").write_text(text)
    assert message in run("status", "-w", tmp_path, code=2).output


def test_legacy_names_and_schemas(built, tmp_path):
    out = tmp_path / "legacy"
    run("export", "legacy", "--out", out, "-w", built)
    made = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert made >= {
        "artifacts/events.parquet", "artifacts/items.parquet", "artifacts/events_hm.parquet",
        "artifacts/als_hm.joblib", "artifacts/collab_model_hm.joblib",
        "artifacts/hm_collab_model.joblib", "artifacts/user_vectors_mahout_hm.joblib",
        "artifacts/item_vectors_mahout_rr.joblib", "data/mahout/interactions_hm.csv",
        "data/mahout/id_mappings_rr.joblib", "artifacts/text_embeddings.joblib",
        "artifacts/image_embeddings.joblib", "artifacts/user_vectors_hm.joblib",
        "artifacts/faiss_items_hm.joblib",
    }  # fmt: skip
    from recsys_cli.store.packs import load_pack

    vectors = load_pack(out / "artifacts/item_vectors_mahout_hm.joblib")
    assert len(next(iter(vectors.values()))) == 16
    assert all(len(item) == 10 for item in vectors)
    texts = load_pack(out / "artifacts/text_embeddings.joblib")
    ids = load_pack(out / "artifacts/faiss_items_hm.joblib")["item_ids"]
    assert set(ids) <= set(texts)
    made = load_pack(built / "artifacts/text_embeddings_hm.joblib")["vectors"][3]
    assert texts[ids[3]] == made.tolist()
    mapping = load_pack(out / "data/mahout/id_mappings_rr.joblib")
    assert mapping["user_to_idx"]["123"] == mapping["idx_to_user"].index("123")
    events = pl.read_parquet(out / "artifacts/events.parquet")
    assert set(events["source"].unique()) == {"hm", "rr"}
    assert "itself" in run("export", "legacy", "--out", built, "-w", built, code=2).output


@pytest.mark.slow
def test_exported_interactions_come_back_as_factors(workspace, tmp_path):
    out = tmp_path / "exchange"
    run("als", "export", "--out", out, "--dataset", "rr", "-w", workspace)
    from recsys_cli.store.packs import load_pack

    als = load_pack(workspace / "artifacts/als_rr.joblib")
    for side in ("user", "item"):
        rows = pl.Series(range(len(als[f"{side}_factors"])), dtype=pl.Int32)
        frame = pl.DataFrame({"id": rows, "features": als[f"{side}_factors"] * 1.0})
        known = frame.filter(pl.Series(als[f"{side}_known"]))
        (tmp_path / side).mkdir()
        known.with_columns(pl.col("features").arr.to_list()).sample(
            fraction=1, shuffle=True, seed=1
        ).write_parquet(tmp_path / side / "part-00000.parquet")
        (tmp_path / side / "_SUCCESS").write_text("")
    before = recommend(workspace, "--user", 123, "-s", "collab", "-d", "rr")
    result = run(
        "als", "import", "--users", tmp_path / "user", "--items", tmp_path / "item",
        "--mapping", out / "id_map_rr.json", "--dataset", "rr", "-w", workspace,
    )  # fmt: skip
    assert f"{int(als['user_known'].sum())}" in result.stdout.replace(",", "")
    assert recommend(workspace, "--user", 123, "-s", "collab", "-d", "rr") == before
    assert load_pack(workspace / "artifacts/als_rr.joblib")["origin"] == "import"
    # A build keeps what was imported, and says so.
    built = run("build", "all", "--explain", "-d", "rr", "-w", workspace).stdout
    assert "imported" in built
    assert {line.split()[1] for line in built.splitlines() if " ran " in line} == {"twotower.train"}
    run("status", "--check", "-w", workspace)


def test_import_takes_the_settings_that_factors_were_trained_with(workspace, tmp_path):
    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.collab.als import AlsFactors

    for side in ("user", "item"):
        (tmp_path / f"{side}.csv").write_text("id,f0,f1\n0,0.5,1\n1,1,0.25\n")
    files = ["--users", tmp_path / "user.csv", "--items", tmp_path / "item.csv"]
    command = ["als", "import", *files, "--dataset", "rr", "-w", workspace]
    run(*command, "--regularization", 0.2, "--alpha", 40, "--no-scale-by-count")
    model = AlsFactors.from_pack(load_pack(workspace / "artifacts/als_rr.joblib", mmap=False))
    assert (model.regularization, model.alpha, model.scale_by_count) == (0.2, 40, False)
    run(*command)
    model = AlsFactors.from_pack(load_pack(workspace / "artifacts/als_rr.joblib", mmap=False))
    assert (model.regularization, model.alpha, model.scale_by_count) == (0.05, 10, True)
    result = run(*command, "--as-of", "2020-09-16", code=2)
    assert "recsys als export --as-of 2020-09-16" in " ".join(result.output.split())
    run(*command, "--regularization", "-1", code=2)


def test_output_is_whole_when_piped(built):
    user = pl.read_parquet(built / "artifacts/users_hm.parquet")["user"][0]
    done = subprocess.run(
        [sys.executable, "-m", "recsys_cli", "recommend", "-u", user, "-w", str(built)],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "40"},
    )  # fmt: skip
    assert user in done.stdout
    assert "\x1b" not in done.stdout
    items = pl.read_parquet(built / "artifacts/items_hm.parquet")["item"].to_list()
    assert sum(any(item in line for item in items) for line in done.stdout.splitlines()) == 12
    assert done.stderr == ""


def test_the_reference_in_the_docs_is_current():
    from recsys_cli.cli.reference import reference

    committed = (REPOSITORY / "docs" / "cli.md").read_text()
    assert committed == reference(), "run `make docs`"
    for path, command in every_command():
        assert f"# `{' '.join(['recsys', *path])}`" in committed or not path
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else []:
                assert option in committed


def test_commands_in_the_documents_exist():
    """Every `recsys …` line in a console block parses, as far as the command's name goes."""
    names = {" ".join(path) for path, _ in every_command()}
    for document in [REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md")]:
        if document.name == "cli.md":
            continue
        for line in re.findall(r"^\$ recsys ([^#\n]*)", document.read_text(), re.MULTILINE):
            words = line.split()
            assert words[0].startswith("-") or {words[0], " ".join(words[:2])} & names, line


def test_what_resumes_repeats_the_options(workspace):
    (workspace / "data/rr_raw/events.csv").write_text("")
    options = ["--set", "als.factors=8", "--keep-going"]
    result = run("build", "all", *options, "-w", workspace, code=1)
    assert f"recsys build all --keep-going --set als.factors=8 -w {workspace}" in result.output


@pytest.mark.slow
def test_serving_what_is_older_than_its_inputs_warns(workspace):
    raw = workspace / "data/rr_raw/events.csv"
    lines = raw.read_text().splitlines()
    raw.write_text("\n".join([*lines, lines[-1]]) + "\n")
    run("ingest", "-w", workspace)
    result = run("recommend", "--user", 123, "--json", "-w", workspace)
    assert "out of date: als.export (events changed)" in result.stderr
    assert json.loads(result.stdout)["items"]
    run("build", "all", "-w", workspace)
    assert run("recommend", "--user", 123, "--json", "-w", workspace).stderr == ""


def test_a_dataset_that_is_not_ingested_does_not_hide_the_others(workspace):
    for path in (workspace / "artifacts").rglob("*_hm.*"):
        path.unlink()
    assert recommend(workspace, "--user", 123)["dataset"] == "rr"
    result = run("recommend", "--user", "nobody", "-w", workspace, code=3)
    assert "hm is not yet" in result.output


def test_conditions_refuse_an_items_table_of_another_ingest(workspace):
    reversed_items = pl.read_parquet(workspace / "artifacts/items_rr.parquet").reverse()
    commit(Workspace(workspace), "ingest", "rr", {"items": reversed_items.write_parquet})
    result = run("recommend", "--user", 123, "--where", "available=1", "-w", workspace, code=3)
    assert "another ingest" in result.output


def test_the_configured_protocol_is_checked_like_the_asked_one(workspace):
    options = ["--set", "eval.protocol=leave-last-out", "--horizon", "7d", "-w", workspace]
    assert "no window" in run("eval", *options, code=2).output


def test_a_truth_file_that_was_trained_on_is_pointed_out(workspace, tmp_path):
    events = pl.read_parquet(workspace / "artifacts/events_hm.parquet").tail(200)
    users = pl.read_parquet(workspace / "artifacts/users_hm.parquet")["user"]
    items = pl.read_parquet(workspace / "artifacts/items_hm.parquet")["item"]
    truth = tmp_path / "truth.csv"
    pairs = {"user": users.gather(events["user"]), "item": items.gather(events["item"])}
    pl.DataFrame(pairs).write_csv(truth)
    day = events["time"][0].date()
    asked = ["-d", "hm", "-s", "popular,collab", "--json", "-", "-w", workspace]
    result = run("eval", "--truth", truth, *asked)
    assert "in the history that the models learned from" in json.loads(result.stdout)["warnings"][0]
    measured = json.loads(run("eval", "--truth", truth, "--cutoff", day, *asked).stdout)
    assert measured["cutoff"] == day.isoformat()


def test_the_help_names_every_strategy():
    from recsys_cli.cli.names import STRATEGY_NAMES
    from recsys_cli.engine.registry import strategy_names

    assert sorted(STRATEGY_NAMES) == sorted(strategy_names())


@pytest.mark.slow
def test_settings_and_raw_files_that_changed_since_warn(workspace):
    options = ["recommend", "--user", 123, "--json", "-w", workspace]
    assert "config changed: als.factors" in run(*options, "--set", "als.factors=9").stderr
    assert run(*options, "--set", "recommend.k=3").stderr == ""
    run("status", "-w", workspace)
    events = workspace / "data/rr_raw/events.csv"
    events.write_text(events.read_text() + "\n")
    assert "data/rr_raw/events.csv changed" in run(*options).stderr


def test_a_huge_k_is_no_more_than_the_catalogue(built, tmp_path):
    n_items = len(pl.read_parquet(built / "artifacts/items_rr.parquet"))
    answer = recommend(built, "--user", 123, "-k", 10**9, "--include-seen")
    assert len(answer["items"]) == n_items
    out = tmp_path / "all.parquet"
    options = ["--all", "-d", "rr", "-k", 10**9, "--include-seen", "-o", out, "-w", built]
    run("recommend", *options)
    assert pl.read_parquet(out)["rank"].max() == n_items


def test_a_truth_about_another_dataset_is_refused(workspace, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text("user,item\nx,y\n")
    assert "--dataset" in run("eval", "--truth", truth, "-w", workspace, code=2).output
    result = run("eval", "--truth", truth, "-d", "hm", "-w", workspace, code=1)
    assert "none of the users and items" in result.output


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (OSError(28, "No space left on device"), "free some disk space"),
        (OSError(30, "Read-only file system"), "read-only"),
        (RuntimeError("parquet: No space left on device"), "free some disk space"),
        (RuntimeError("whatever"), "RECSYS_TRACEBACK=1"),
    ],
)
def test_unforeseen_errors_are_a_sentence(workspace, monkeypatch, error, hint):
    from recsys_cli.apps import status

    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(status, "status_of", fail)
    result = run("status", "-w", workspace, code=1)
    assert str(error) in result.output
    assert hint in result.output
    assert "Traceback" not in result.output


def test_the_table_of_stages_is_what_stages_declare():
    text = (REPOSITORY / "docs/concepts.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \| (.*) \|$", text, re.MULTILINE)
    stages = default_graph().stages
    assert {name for name, _, _ in rows} == set(stages)
    for name, reads, makes in rows:
        kinds = {*stages[name].inputs, *(kind for kind, _ in stages[name].earlier)}
        assert set(re.findall(r"`(\w+)`", reads)) == kinds, name
        assert set(re.findall(r"`(\w+)`", makes)) == set(stages[name].outputs), name


def test_what_is_asked_about_stands_alone_or_after_its_option(built):
    assert recommend(built, 123) == recommend(built, "--user", 123)
    assert "give it once" in run("recommend", 123, "--user", 123, "-w", built, code=2).output
    assert "name one user" in run("recommend", 123, "--all", "-w", built, code=2).output
    item = pl.read_parquet(built / "artifacts/items_rr.parquet")["item"][0]
    options = ["-d", "rr", "--json", "-w", built]
    alone = run("similar", item, *options).stdout
    assert json.loads(alone) == json.loads(run("similar", "--item", item, *options).stdout)
    assert "give it once" in run("similar", item, "-i", item, *options, code=2).output
    assert "name an item" in run("similar", *options, code=2).output


def test_a_build_of_nothing_in_particular_is_of_everything(built):
    options = ["--dry-run", "--explain", "-w", built]
    planned = [run("build", *all_, *options).stdout for all_ in ([], ["all"])]
    assert planned[0] == planned[1]
    assert "popular" in planned[0]


def test_history_is_what_a_user_had(built):
    answer = recommend(built, 123, "--history", "-k", 3)
    had = answer["history"]
    events = pl.read_parquet(built / "artifacts/events_rr.parquet")
    users = pl.read_parquet(built / "artifacts/users_rr.parquet")["user"].to_list()
    items = pl.read_parquet(built / "artifacts/items_rr.parquet")["item"].to_list()
    theirs = events.filter(pl.col("user") == users.index("123")).sort("time", descending=True)
    assert had[0]["item"] in {items[i] for i in theirs["item"].head(1)}
    assert len(had) == 3
    assert [i["last"] for i in had] == sorted((i["last"] for i in had), reverse=True)
    shown = run("recommend", 123, "--history", "-k", 3, "-w", built).stdout
    assert shown.startswith("123 had\n")
    assert all(i["name"] in shown for i in had)
    assert recommend(built, "nobody", "--history", "-d", "rr")["history"] == []
    options = ["--all", "--history", "-d", "rr", "-o", "x.csv", "-w", built]
    assert "about one user" in run("recommend", *options, code=2).output
