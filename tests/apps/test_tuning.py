"""Tuning looks only at windows before the test window, resumes, and never makes things worse."""

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import optuna
import polars as pl
import pytest

from conftest import CONFIG, build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.tuning import TARGETS, Search, apply, find_target, tune
from recsys_cli.apps.tuning.outcome import with_settings
from recsys_cli.apps.tuning.targets import judged_by, settings_of
from recsys_cli.apps.tuning.trial import Judge, touched
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.cli.tune import What
from recsys_cli.errors import ConfigError, UsageError
from recsys_cli.strategies.tunable import Choice, Span

ALS = find_target("als")
QUICK = replace(
    ALS, space={"als.regularization": Span(0.01, 100.0, log=True), "als.alpha": Span(1.0, 50.0)}
)


@pytest.fixture(scope="module")
def base(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tune") / "workspace"
    shutil.copytree(raw, root, ignore=shutil.ignore_patterns("rr_raw", "images"))
    (root / "recsys.toml").write_text("# Ours.\n[als]\nfactors = 8 # few\niterations = 3\n")
    build(root, "ingest")
    return root


@pytest.fixture
def shop(base: Path, tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    shutil.copytree(base, root)
    return root


def run(root: Path, *, trials: int = 3, overrides=(), on_trial=None, **options):
    search = Search(target=options.pop("target", QUICK), trials=trials, **options)
    return tune(Opened(root, overrides=overrides), "hm", search, on_trial=on_trial)


def files(root: Path) -> dict[str, bytes]:
    artifacts = root / "artifacts"
    return {
        str(path.relative_to(artifacts)): path.read_bytes()
        for path in artifacts.rglob("*")
        if path.is_file() and "tuning" not in path.parts
    }


def test_a_trial_is_worth_what_its_settings_are_worth_once_applied(shop):
    found = run(shop, trials=6)
    assert found.trials == {"complete": 6}
    assert found.snapshots == ["asof=2020-09-09"]
    assert found.best is not None
    before = files(shop)
    apply(shop, found)
    again = run(shop, trials=0)
    assert again.current == found.best
    assert not again.improves
    changed = {name for name, content in files(shop).items() if before.get(name) != content}
    assert "asof=2020-09-09/als_hm.joblib" in changed


def test_trials_write_nothing_but_their_study(shop):
    run(shop, trials=0)
    before = files(shop)
    run(shop, trials=2)
    assert files(shop) == before


def test_the_test_window_stays_unseen(shop, tmp_path):
    values: list[list[float | None]] = []
    other = tmp_path / "other"
    shutil.copytree(shop, other)
    sales = other / "data/hm_raw/transactions_train.csv"
    table = pl.read_csv(sales, schema_overrides={"article_id": pl.String})
    later = pl.col("t_dat") >= "2020-09-16"
    assert table.filter(later).height
    table.with_columns(
        pl.when(later).then(pl.col("article_id").reverse()).otherwise(pl.col("article_id"))
    ).write_csv(sales)
    for root in (shop, other):
        seen: list[float | None] = []
        run(root, on_trial=lambda attempt, seen=seen: seen.append(attempt.value))
        values.append(seen)
    assert values[0] == values[1]
    assert len(set(values[0])) > 1


def test_a_search_goes_on_where_it_stopped(shop):
    numbers: list[int] = []

    def stop(attempt):
        numbers.append(attempt.number)
        if len(numbers) == 2:
            raise KeyboardInterrupt

    assert run(shop, trials=5, on_trial=stop).trials == {"complete": 2}
    settings: list[tuple] = []
    found = run(shop, on_trial=lambda a: settings.append((a.number, *a.settings.values())))
    assert found.trials == {"complete": 5}
    assert [s[0] for s in settings] == [2, 3, 4]
    # Another base setting makes values that cannot be compared, and so another study.
    assert run(shop, trials=1, overrides=["als.iterations=2"]).trials == {"complete": 1}


def test_what_a_killed_search_left_counts_as_failed(shop):
    run(shop, trials=1)
    storage = f"sqlite:///{shop / 'artifacts/tuning/als_hm.db'}"
    (name,) = optuna.get_all_study_names(storage)
    optuna.load_study(study_name=name, storage=storage).ask()
    assert run(shop, trials=1).trials == {"complete": 2, "fail": 1}


def test_settings_that_cannot_be_built_are_failed_trials(shop):
    wrong = replace(QUICK, space={"als.alpha": Choice((-1.0,))})
    errors: list[str | None] = []
    found = run(shop, trials=2, target=wrong, on_trial=lambda a: errors.append(a.error))
    assert found.trials == {"fail": 2}
    assert found.best is None
    assert not found.improves
    assert "alpha" in str(errors[0])


def test_hopeless_trials_are_given_up_after_the_first_window(shop, monkeypatch):
    monkeypatch.setattr(
        Judge, "score", lambda _, config, window: -config.datasets["hm"].als["alpha"]
    )
    found = run(shop, trials=30, windows=2)
    assert len(found.snapshots) == 2
    assert found.trials["pruned"] > 3
    assert found.trials["complete"] > 8


def test_leave_last_out_holds_out_one_more_event(shop):
    found = run(shop, trials=1, protocol="leave-last-out")
    assert found.snapshots == ["leave-last-2-out"]
    assert found.users > 100


def test_a_given_cutoff_stays_unseen_too(shop):
    found = run(shop, trials=0, cutoff=datetime(2020, 9, 2), windows=2)
    assert found.snapshots == ["asof=2020-08-26", "asof=2020-08-19"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "ndcg"}, "no metric 'ndcg'"),
        ({"metric": "luck@3"}, "no metric"),
        ({"protocol": "next-in-session"}, "not by next-in-session"),
        ({"protocol": "leave-last-out", "cutoff": datetime(2020, 9, 2)}, "no window"),
    ],
)
def test_what_cannot_be_searched_is_refused(shop, options, message):
    with pytest.raises(UsageError, match=message):
        run(shop, trials=1, **options)


def test_what_is_off_cannot_be_tuned(shop):
    with pytest.raises(ConfigError, match="names no text or image encoder"):
        run(shop, trials=1, target=find_target("content"))
    with pytest.raises(UsageError, match="cannot be tuned"):
        find_target("luck")


def test_targets_search_settings_that_exist_around_their_defaults(base):
    config = load_config(base, ["als.factors=64", "als.iterations=15"])
    graph = default_graph()
    for target in TARGETS.values():
        assert touched(graph, judged_by(target).name, target.space)[1], target.name
        for name, value in settings_of(target, config, "hm").items():
            scope = target.space[name]
            if isinstance(scope, Choice):
                assert value in scope.options, name
            else:
                assert scope.low <= value <= scope.high, name
    assert [what.value for what in What] == list(TARGETS)


def test_a_trial_runs_only_what_its_settings_touch():
    graph = default_graph()
    assert touched(graph, "collab", ALS.space)[1] == ["als.train"]
    assert touched(graph, "content", find_target("content").space)[1] == ["index", "usermodel"]
    assert touched(graph, "twotower", find_target("twotower").space)[1] == ["twotower.train"]
    kept, varied = touched(graph, "hybrid", find_target("hybrid").space)
    assert varied == ["hybrid.train"]
    assert {"als.train", "itemknn", "graph", "statistics", "hybrid.blend"} <= set(kept)


def test_settings_are_written_beside_what_is_there(shop):
    written = with_settings(shop, "hm", {"als.factors": 32, "popular.window_days": 5})
    assert written == (
        "# Ours.\n[als]\nfactors = 32 # few\niterations = 3\n"
        '\n[datasets.hm]\nkind = "hm"\npath = "data/hm_raw"\n\n'
        "[popular]\nwindow_days = 5\n"
    )


def test_with_several_datasets_each_gets_its_own(raw, tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("hm_raw", "rr_raw"):
        (tmp_path / "data" / name).symlink_to(raw / "data" / name)
    with pytest.raises(ConfigError, match=r"no .*recsys.toml to write into"):
        with_settings(tmp_path, "rr", {"als.factors": 32})
    (tmp_path / "recsys.toml").write_text(CONFIG)
    (tmp_path / "recsys.toml").write_text(with_settings(tmp_path, "rr", {"als.factors": 32}))
    config = load_config(tmp_path)
    assert config.als.factors == 16
    assert config.datasets["rr"].als == {"factors": 32}
    assert config.datasets["hm"].als == {}
