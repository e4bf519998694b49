"""Windows to figures: pooling over (user, window) rows, differences, what has no interval."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.evaluation.harness import Figures, Measured
from recsys_cli.evaluation.summary import lead_of, summarise
from recsys_cli.evaluation.truth import Truth

NAMES = ("ndcg@5", "novelty@5")


def window(
    users: list[int],
    day: int,
    values: dict[str, list[list[float]]],
    *,
    coverage: float,
    groups: dict[str, list[bool]] | None = None,
    cold: list[bool] | None = None,
    warnings: tuple[str, ...] = (),
) -> Measured:
    n = len(users)
    cold_mask = np.array(cold or [False] * n)
    truth = Truth(
        np.array(users, np.int32),
        CSR.from_rows([np.array([0], np.int32)] * n, 4),
        protocol="temporal",
        cutoff=datetime(2020, 9, day),
        horizon=timedelta(days=7),
        counts={"pairs": n},
        warnings=warnings,
    )
    masks = {"all": np.ones(n, np.bool_), "cold_items": cold_mask}
    masks |= {name: np.array(mask) for name, mask in (groups or {}).items()}
    return Measured(
        truth=truth,
        names=NAMES,
        groups=masks,
        history=np.zeros(n, np.int64),
        ks=(5,),
        exclude_seen=False,
        strategies={
            name: Figures(
                values=np.array(table, np.float64),
                cold=np.full((int(cold_mask.sum()), 2), 0.125),
                catalogue={g: {"coverage@5": coverage} for g in masks},
                served_by={name: n},
                fallback_reasons={},
            )
            for name, table in values.items()
        },
        warnings=warnings,
        details={"snapshot": f"asof=2020-09-{day:02}"},
    )


FIRST = window(
    [1, 2],
    2,
    {"collab": [[0.2, 1], [0.4, 2]], "popular": [[0.1, 1], [0.1, np.nan]]},
    coverage=0.5,
    groups={"age=1": [True, False]},
)
SECOND = window(
    [2, 3, -1, -1],
    9,
    {
        "collab": [[0.6, 3], [0.0, 4], [1.0, 5], [0.8, 3]],
        "popular": [[0.0, np.nan], [0.0, np.nan], [0.0, 7], [0.3, 1]],
    },
    coverage=0.2,
    groups={"age=2": [True, True, False, False]},
    cold=[False, True, False, False],
)


def test_figures_are_means_over_rows_of_all_windows() -> None:
    result = summarise([FIRST, SECOND], dataset="shop", baseline="popular", resamples=100)
    collab = result.strategies["collab"].groups
    assert collab["all"]["ndcg@5"].value == pytest.approx(3.0 / 6)
    assert collab["age=1"]["ndcg@5"].value == pytest.approx(0.2)
    assert collab["age=2"]["ndcg@5"].value == pytest.approx(0.3)
    assert collab["cold_items"]["ndcg@5"].value == 0.125
    assert result.strategies["popular"].groups["all"]["novelty@5"].value == pytest.approx(9 / 3)
    assert dict(result.groups) == {"all": 6, "cold_items": 1, "age=1": 1, "age=2": 2}
    # Users nobody knows cannot be told apart, so each counts.
    assert (result.rows, result.users) == (6, 5)
    starts = [datetime(2020, 9, 2), datetime(2020, 9, 9)]
    assert (result.cutoff, result.cutoffs) == (starts[1], starts)
    assert dict(result.counts) == {"pairs": 6}


def test_what_is_one_number_per_window_is_averaged_without_interval() -> None:
    result = summarise([FIRST, SECOND], dataset="shop")
    coverage = result.strategies["collab"].groups["all"]["coverage@5"]
    assert coverage.value == pytest.approx(0.35)
    assert math.isnan(coverage.low)
    assert result.strategies["collab"].groups["age=2"]["coverage@5"].value == 0.2


def test_each_window_has_its_own_figures_and_snapshot() -> None:
    result = summarise([FIRST, SECOND], dataset="shop")
    values = [w.strategies["collab"]["all"]["ndcg@5"].value for w in result.windows]
    assert values == pytest.approx([0.3, 0.6])
    snapshots = [w.details["snapshot"] for w in result.windows]
    assert snapshots == ["asof=2020-09-02", "asof=2020-09-09"]
    alone = summarise([SECOND], dataset="shop")
    assert (
        alone.windows[0].strategies["popular"]["all"] == alone.strategies["popular"].groups["all"]
    )


def test_differences_are_of_the_same_rows() -> None:
    result = summarise([FIRST, SECOND], dataset="shop", baseline="popular", resamples=200)
    collab, popular = result.strategies["collab"], result.strategies["popular"]
    gain = collab.differences["all"]["ndcg@5"]
    assert gain.value == pytest.approx((3.0 - 0.5) / 6)
    assert gain.low <= gain.value <= gain.high
    assert popular.differences == {}
    assert result.to_json()["differences"].keys() == {"collab"}


def test_a_baseline_that_was_not_measured_compares_with_nothing() -> None:
    result = summarise([FIRST], dataset="shop", baseline="magic")
    assert result.baseline is None
    assert result.to_json()["differences"] == {}


def test_the_lead_is_over_the_next_and_paired() -> None:
    result = summarise([FIRST, SECOND], dataset="d")
    lead = lead_of(result, [FIRST, SECOND], ["popular", "collab"])
    assert (lead.metric, lead.best, lead.next) == ("ndcg@5", "collab", "popular")
    compared = summarise([FIRST, SECOND], dataset="d", baseline="popular")
    assert lead.difference == compared.strategies["collab"].differences["all"]["ndcg@5"]
    alone = lead_of(result, [FIRST, SECOND], ["popular"])
    assert (alone.best, alone.next) == ("popular", None)


def test_who_is_level_with_the_lead_is_within_the_noise_of_it() -> None:
    chance = np.random.default_rng(0).normal(0, 1, 200)
    figures = {"best": 0.9, "level": 0.89 + chance - chance.mean(), "behind": 0.5}
    tables = {name: np.stack([np.zeros(200) + x] * 2, axis=1) for name, x in figures.items()}
    measured = window(list(range(200)), 2, {n: t.tolist() for n, t in tables.items()}, coverage=0.1)
    lead = lead_of(summarise([measured], dataset="d"), [measured], list(tables))
    assert (lead.best, lead.next, lead.level) == ("best", "level", ("level",))
    assert lead.to_json()["level"] == ["level"]


def test_windows_must_be_measured_alike() -> None:
    other = window([1], 2, {"collab": [[0.0, 0.0]]}, coverage=0.1)
    with pytest.raises(ValueError, match="same strategies"):
        summarise([FIRST, other], dataset="shop")


def test_warnings_are_told_once() -> None:
    told = [window([1], d, {"c": [[0, 0]]}, coverage=0, warnings=("mind",)) for d in (1, 2)]
    assert summarise(told, dataset="shop").warnings == ("mind",)


def test_json_keeps_windows() -> None:
    whole = summarise([FIRST, SECOND], dataset="shop", details={"test_fingerprint": "f"}).to_json()
    report = json.loads(json.dumps(whole, allow_nan=False))
    assert (report["users"], report["rows"], report["test_fingerprint"]) == (5, 6, "f")
    assert [w["cutoff"] for w in report["windows"]] == report["cutoffs"]
    assert [w["users"] for w in report["windows"]] == [2, 4]
    assert report["windows"][0]["strategies"]["collab"]["all"]["ndcg@5"]["value"] == pytest.approx(
        0.3
    )
