"""Tuning looks only at windows before the test window, resumes, and never makes things worse."""

import shutil
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
import polars as pl
import pytest
from typer.testing import CliRunner

from conftest import CONFIG, build
from recsys_cli.apps.opened import Opened
from recsys_cli.apps.tuning import TARGETS, Search, apply, find_target, tune
from recsys_cli.apps.tuning.grounds import divided
from recsys_cli.apps.tuning.targets import judged_by, settings_of
from recsys_cli.apps.tuning.trial import Judge, Window, touched
from recsys_cli.apps.written import with_settings
from recsys_cli.assembly import default_graph, load_config
from recsys_cli.cli.app import app
from recsys_cli.cli.tune import What
from recsys_cli.errors import ConfigError, UsageError
from recsys_cli.evaluation.truth import Truth
from recsys_cli.progress import Silent
from recsys_cli.store.snapshot import Snapshot
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


def run(
    root: Path,
    *,
    trials: int | None = 3,
    overrides=(),
    on_trial=None,
    clock=time.monotonic,
    progress=None,
    **options,
):
    search = Search(target=options.pop("target", QUICK), trials=trials, **options)
    opened = Opened(root, overrides=overrides, progress=progress or Silent())
    return tune(opened, "hm", search, on_trial=on_trial, clock=clock)


def files(root: Path) -> dict[str, bytes]:
    artifacts = root / "artifacts"
    return {
        str(path.relative_to(artifacts)): path.read_bytes()
        for path in artifacts.rglob("*")
        if path.is_file() and "tuning" not in path.parts
    }


def test_a_trial_is_worth_what_its_settings_are_worth_once_applied(shop):
    found = run(shop, trials=6, windows=1)
    assert found.trials == {"complete": 6}
    assert found.held_out == ["asof=2020-09-07", "asof=2020-08-31"]
    assert found.snapshots == ["asof=2020-08-24"]
    assert found.best is not None
    before = files(shop)
    apply(shop, found)
    again = run(shop, trials=0, windows=1)
    assert again.current == found.best
    assert not again.improves
    changed = {name for name, content in files(shop).items() if before.get(name) != content}
    assert "asof=2020-08-24/als_hm.joblib" in changed


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
        if len(numbers) == 3:
            raise KeyboardInterrupt

    stopped = run(shop, trials=5, on_trial=stop)
    assert stopped.trials == {"complete": 2}
    assert stopped.gain is None
    found = run(shop, on_trial=lambda attempt: numbers.append(attempt.number))
    assert found.trials == {"complete": 5}
    assert numbers == [0, 1, 2, 0, 3, 4, 5]
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
    assert errors[0] is None
    assert "alpha" in str(errors[1])


def test_hopeless_trials_are_given_up_after_the_first_window(shop, monkeypatch):
    planted(monkeypatch, lambda alpha, _window: -alpha)
    found = run(shop, trials=30, windows=2)
    assert len(found.snapshots) == 2
    assert found.trials["pruned"] > 3
    assert found.trials["complete"] > 8


def test_leave_last_out_holds_out_one_more_event_and_half_of_the_users(shop):
    told = Told()
    found = run(shop, trials=1, protocol="leave-last-out", progress=told)
    assert found.snapshots == found.held_out == ["leave-last-2-out"]
    assert found.users > 100
    assert found.held_out_users > 100
    assert "one half of the users" in told.lines[0]
    assert "leave-last-out has no two windows" in told.lines[0]


def test_a_given_cutoff_stays_unseen_too(shop):
    found = run(shop, trials=0, cutoff=datetime(2020, 9, 2), windows=2)
    assert found.held_out == ["asof=2020-08-24", "asof=2020-08-17"]
    assert found.snapshots == ["asof=2020-08-10", "asof=2020-08-03"]


def test_a_log_of_few_windows_says_what_was_done_instead(shop):
    sales = shop / "data/hm_raw/transactions_train.csv"
    table = pl.read_csv(sales, schema_overrides={"article_id": pl.String})
    told = Told()
    table.filter(pl.col("t_dat") >= "2020-08-10").write_csv(sales)
    found = run(shop, trials=0, progress=told)
    assert (found.held_out, found.snapshots) == (["asof=2020-09-07"], ["asof=2020-08-31"])
    assert "on 1 window, the best of them on 1 later window" in told.lines[0]
    assert told.lines[0].endswith("; the log holds no more")
    table.filter(pl.col("t_dat") >= "2020-08-28").write_csv(sales)
    found = run(shop, trials=0, progress=told)
    assert found.held_out == found.snapshots == ["asof=2020-09-07"]
    assert told.lines[-1].endswith("the other: the log has no two windows")


def test_halves_share_no_user_and_a_user_stays_in_one():
    users = np.arange(0, 300, 3, dtype=np.int32)
    windows = [
        Window(Snapshot(leave_last=2), Truth.from_pairs(theirs, theirs, n_columns=300, protocol=""))
        for theirs in (users, users[::2])
    ]
    grounds = divided(windows, asked=None, protocol="leave-last-out")
    first, second = (
        [set(window.truth.users.tolist()) for window in side]
        for side in (grounds.searched, grounds.held_out)
    )
    assert first[0] | second[0] == set(users.tolist())
    assert not first[0] & second[0]
    assert first[1] < first[0]
    assert second[1] < second[0]
    assert min(len(first[0]), len(second[0])) > 30


class Told(Silent):
    """Keeps what a long task says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        if message.startswith("hm: "):
            self.lines.append(message)


def planted(monkeypatch, gain) -> None:
    """Have a user's figure be chance, and what `gain` says of a trial's alpha and the window."""

    def figures(judge, config, window):
        alpha = config.datasets["hm"].als.get("alpha")
        chance = np.random.default_rng(len(window.truth.users)).random(len(window.truth.users))
        return chance + (0 if alpha is None else gain(alpha, window))

    monkeypatch.setattr(Judge, "score", figures)
    monkeypatch.setattr(Judge, "current", figures)


def test_what_is_better_only_where_the_search_looked_is_not_applied(shop, monkeypatch):
    planted(monkeypatch, lambda _alpha, _window: 0)
    seen = run(shop, trials=0, windows=1)

    def gain(_alpha, window):
        to_and_fro = 1 - 2 * (np.arange(len(window.truth.users)) % 2)
        return 0.1 if str(window.snapshot) in seen.snapshots else to_and_fro

    planted(monkeypatch, gain)
    found = run(shop, windows=1)
    assert found.best == pytest.approx(found.current + 0.1)
    assert found.leads
    assert found.gain is not None
    assert found.gain.low < 0 < found.gain.high
    assert not found.improves
    assert "today's settings stay" in found.verdict
    assert "within the noise" in found.verdict


def test_what_is_better_elsewhere_too_is_and_says_by_how_much(shop, monkeypatch):
    planted(monkeypatch, lambda alpha, _window: alpha / 100)
    found = run(shop, windows=1)
    assert found.improves
    assert found.gain is not None
    assert found.gain.value == pytest.approx(found.settings["als.alpha"] / 100)
    assert found.verdict.startswith(f"better than today's settings by {found.gain.value:+.4f} (")
    monkeypatch.setattr(Judge, "score", None)
    assert run(shop, trials=0, windows=1).gain == found.gain


def test_the_budget_ends_the_search_before_the_next_trial(shop, monkeypatch):
    planted(monkeypatch, lambda alpha, _window: alpha)
    times = iter([0.0, 10.0, 70.0, 119.0, 120.0])
    found = run(shop, trials=None, minutes=2, clock=lambda: next(times))
    assert found.trials == {"complete": 3}
    assert run(shop, trials=1, minutes=2, clock=lambda: 0.0).trials == {"complete": 4}


def test_the_command_applies_what_is_better_and_leaves_what_is_not(shop):
    def command(*more: str):
        return CliRunner().invoke(app, ["tune", "als", "-w", str(shop), "--apply", *more])

    config = shop / "recsys.toml"
    config.write_text("[als]\nfactors = 8\niterations = 1\nregularization = 1e6\n")
    done = command("-n", "6", "--windows", "1")
    assert done.exit_code == 0, done.output
    assert "today's settings: als.factors 8" in done.stderr
    assert "hm als: better than today's settings by +" in done.stdout
    assert "written to" in done.stderr
    applied = config.read_text()
    assert "1e6" not in applied
    done = command("-n", "0", "--windows", "1")
    assert "hm als: today's settings stay: no trial was better" in done.stdout
    assert config.read_text() == applied
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "asof=" not in line)


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
    assert touched(graph, "twotower", find_target("twotower").space)[1] == [
        "twotower.fit",
        "twotower.train",
    ]
    kept, varied = touched(graph, "hybrid", find_target("hybrid").space)
    assert varied == ["hybrid.train"]
    assert {"als.train", "itemknn", "graph", "statistics", "hybrid.blend"} <= set(kept)


def test_settings_are_written_beside_what_is_there(shop):
    written = with_settings(shop, "hm", {"als.factors": 32, "popular.window_days": 5})
    assert written == (
        "# Ours.\n[als]\nfactors = 32 # few\niterations = 3\n\n[popular]\nwindow_days = 5\n"
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
    assert config.datasets["rr"].kind == "retailrocket"
