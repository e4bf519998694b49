"""Comparing runs: paired where it can be, refused where the tests differ, limits for CI."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsys_cli.csr import CSR
from recsys_cli.errors import DataError, RecsysError, UsageError
from recsys_cli.evaluation.bootstrap import bootstrap
from recsys_cli.evaluation.compare import compare_files
from recsys_cli.evaluation.harness import Figures, Measured
from recsys_cli.evaluation.limits import Limit, broken, parse_limit, refuse
from recsys_cli.evaluation.peruser import paired_tables, user_frame, write_users
from recsys_cli.evaluation.summary import summarise
from recsys_cli.evaluation.truth import Truth
from recsys_cli.store.files import sha256
from recsys_cli.store.idtable import IdTable

N = 80
USERS = IdTable.from_strings([f"u{i}" for i in range(N)])
BASE = np.random.default_rng(5).random((N, 1))


def window(values: np.ndarray, *, users: np.ndarray | None = None, day: int = 2) -> Measured:
    n = len(values)
    rows = np.arange(n, dtype=np.int32) if users is None else users
    truth = Truth(
        rows,
        CSR.from_rows([np.array([0], np.int32)] * n, 4),
        protocol="temporal",
        cutoff=datetime(2020, 9, day),
        horizon=timedelta(days=7),
    )
    figures = Figures(values, np.empty((0, 1)), {"all": {"coverage@5": 0.5}}, {}, {})
    everybody = np.ones(n, np.bool_)
    return Measured(
        truth,
        ("ndcg@5",),
        {"all": everybody, "warm": everybody, "cold_items": ~everybody},
        np.arange(n),
        (5,),
        False,
        {"collab": figures},
    )


def write(path: Path, *windows: Measured, per_user: bool = False, **changes: Any) -> Path:
    report = summarise(windows, dataset="shop", details={"test_fingerprint": "same"}).to_json()
    if per_user:
        file = path.with_suffix(".parquet")
        write_users([user_frame(windows, dataset="shop", users=USERS)], file)
        report["per_user"] = {"file": file.name, "sha256": sha256(file)}
    path.write_text(json.dumps(report | changes))
    return path


def test_paired_differences_see_what_intervals_cannot(tmp_path: Path) -> None:
    better = BASE + 0.02 + np.random.default_rng(6).normal(0, 0.01, BASE.shape)
    files = {}
    for paired in (True, False):
        a = write(tmp_path / f"a{paired}.json", window(BASE), per_user=paired)
        b = write(tmp_path / f"b{paired}.json", window(better), per_user=paired)
        (files[paired],) = compare_files(a, b)
    figure = files[True].strategies["collab"]["all"]["ndcg@5"]
    assert figure.paired
    assert figure.difference.value == pytest.approx(float((better - BASE).mean()))
    assert figure.difference.outside_noise
    expected = bootstrap({"a": BASE, "b": better}, baseline="a").differences["b"][0]
    assert figure.difference.low == pytest.approx(expected.low)
    apart = files[False].strategies["collab"]["all"]["ndcg@5"]
    assert not apart.paired
    assert not apart.difference.outside_noise
    assert apart.difference.high - apart.difference.low > 10 * (expected.high - expected.low)
    assert "without --per-user" in files[False].warnings[-1]
    assert files[True].warnings == ()


def test_what_has_no_interval_has_a_difference_all_the_same(tmp_path: Path) -> None:
    a, b = (write(tmp_path / f"{n}.json", window(BASE), per_user=True) for n in "ab")
    coverage = compare_files(a, b)[0].strategies["collab"]["all"]["coverage@5"]
    assert coverage.difference.value == 0.0
    assert math.isnan(coverage.difference.low)
    shown = compare_files(a, b)[0].to_json()["strategies"]["collab"]["all"]["coverage@5"]
    assert (shown["a"], shown["low"], shown["outside_noise"]) == (0.5, None, None)


def test_unpaired_bounds_are_those_of_independent_figures(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    values = [rng.random((N, 1)) for _ in range(2)]
    a, b = (write(tmp_path / f"{n}.json", window(v)) for n, v in zip("ab", values, strict=True))
    found = compare_files(a, b)[0].strategies["collab"]["all"]["ndcg@5"].difference
    error = math.sqrt(sum(v.var() / N for v in values))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_rows_are_matched_by_user_and_window_not_by_order() -> None:
    frame = user_frame([window(BASE), window(BASE + 1, day=9)], dataset="shop", users=USERS)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    tables = paired_tables(frame, shuffled, ["ndcg@5"])
    assert tables is not None
    np.testing.assert_array_equal(tables[0], tables[1])
    assert len(np.unique(tables[2])) == N
    assert paired_tables(frame, frame.head(10), ["ndcg@5"]) is None


def test_users_that_nobody_knows_pair_by_order() -> None:
    strangers = np.array([0, -1, -1], np.int32)
    frame = user_frame([window(BASE[:3], users=strangers)], dataset="shop", users=USERS)
    assert frame["user"].to_list() == ["u0", None, None]
    tables = paired_tables(frame, frame, ["ndcg@5"])
    assert tables is not None
    np.testing.assert_array_equal(tables[0], BASE[:3])
    assert len(set(tables[2].tolist())) == 3


def test_per_user_figures_keep_gaps(tmp_path: Path) -> None:
    values = BASE.copy()
    values[3] = np.nan
    frame = user_frame([window(values)], dataset="shop", users=USERS)
    assert frame["ndcg@5"].null_count() == 1
    assert frame["history"].to_list() == list(range(N))
    write_users([frame, frame.drop("ndcg@5").with_columns(dataset=pl.lit("b"))], tmp_path / "u")
    assert pl.read_parquet(tmp_path / "u")["dataset"].unique().sort().to_list() == ["b", "shop"]


@pytest.mark.parametrize("change", ["missing", "other"])
def test_a_file_of_users_that_does_not_belong_is_not_used(tmp_path: Path, change: str) -> None:
    a, b = (write(tmp_path / f"{n}.json", window(BASE), per_user=True) for n in "ab")
    if change == "missing":
        (tmp_path / "b.parquet").unlink()
    else:
        write_users([user_frame([window(BASE + 1)], dataset="shop", users=USERS)],
                    tmp_path / "b.parquet")  # fmt: skip
    (comparison,) = compare_files(a, b)
    assert not comparison.strategies["collab"]["all"]["ndcg@5"].paired
    assert "b.parquet" in comparison.warnings[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "leave-last-out"}, "different protocols: temporal and leave-last-out"),
        ({"cutoffs": ["2020-09-01"]}, "different test windows: 2020-09-02 and 2020-09-01"),
        ({"horizon_days": 14}, "different horizons: 7 and 14"),
        ({"users": 3}, "different numbers of test users"),
        ({"test_fingerprint": "other"}, "different test pairs"),
        ({"k": [7]}, "no depth in common"),
        ({"strategies": {"magic": {}}}, "no strategy in common"),
        ({"dataset": "rr"}, "about shop and .* about rr"),
    ],
)
def test_incomparable_runs_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    a = write(tmp_path / "a.json", window(BASE))
    b = write(tmp_path / "b.json", window(BASE), **changes)
    with pytest.raises(UsageError, match=message):
        compare_files(a, b)


def test_what_should_be_known_is_told(tmp_path: Path) -> None:
    a = write(tmp_path / "a.json", window(BASE))
    report = json.loads(a.read_text())
    report["strategies"]["extra"] = report["strategies"]["collab"]
    del report["test_fingerprint"]
    report |= {"k": [5, 7], "exclude_seen": True}
    b = tmp_path / "b.json"
    b.write_text(json.dumps([report]))
    told = " ".join(compare_files(a, b)[0].warnings)
    for text in ("may differ", "left out what users already had", "depths differ", "has extra"):
        assert text in told


@pytest.mark.parametrize("content", ["", "[1]", '{"dataset": "shop"}', "not json"])
def test_files_that_are_no_results(tmp_path: Path, content: str) -> None:
    a = write(tmp_path / "a.json", window(BASE))
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(DataError, match=r"b\.json does not hold results"):
        compare_files(a, tmp_path / "b.json")
    with pytest.raises(DataError, match="does not exist"):
        compare_files(a, tmp_path / "c.json")


def test_getting_worse_by_more_than_noise(tmp_path: Path) -> None:
    a = write(tmp_path / "a.json", window(BASE), per_user=True)
    b = write(tmp_path / "b.json", window(BASE - 0.01), per_user=True)
    assert compare_files(b, a)[0].worse("ndcg@5") == []
    (told,) = compare_files(a, b)[0].worse("ndcg@5")
    assert "ndcg@5 of collab on shop fell from" in told
    for metric in ("coverage@5", "ndcg@99"):
        with pytest.raises(UsageError, match=metric):
            compare_files(a, b)[0].worse(metric)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("ndcg@12=0.05", Limit("ndcg@12", 0.05)),
        ("collab:recall@20=.1", Limit("recall@20", 0.1, "collab")),
        (" coverage@5=1e-3 ", Limit("coverage@5", 0.001)),
    ],
)
def test_limits_are_read(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize(
    "text", ["ndcg@12", "ndcg=0.1", "ndcg@12=much", "magic@12=1", "=", "a@1=-"]
)
def test_limits_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError):
        parse_limit(text)


def test_limits_are_kept_or_told() -> None:
    values = {"collab": {"ndcg@5": 0.2}, "popular": {"ndcg@5": math.nan}}
    assert broken([Limit("ndcg@5", 0.2, "collab")], values, dataset="shop") == []
    told = broken([Limit("ndcg@5", 0.3)], values, dataset="shop")
    assert told == [
        "ndcg@5 of collab on shop is 0.2, below 0.3",
        "ndcg@5 of popular on shop is nan, below 0.3",
    ]
    for unknown in (Limit("ndcg@5", 0, "magic"), Limit("ndcg@9", 0)):
        with pytest.raises(UsageError, match="was not measured"):
            broken([unknown], values, dataset="shop")
    refuse([])
    with pytest.raises(RecsysError) as caught:
        refuse(told)
    assert caught.value.exit_code == 1
