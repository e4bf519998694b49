"""What every model reads off canonical events: what one weighs, when it was, and that it was.

An event weighs the weight of its kind, times its value where the dataset says so. Models decay
and sum these weights in their own ways.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from recsys_cli.columns import EVENT, TIME, VALUE

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec


_LATEST = 2**32 - 1


def event_weight(spec: DatasetSpec) -> pl.Expr:
    """Weight of each event before decay, Float64, at least 0; a missing value counts as 1.

    The product of two Float32 is exact here, so who casts the result rounds only once.
    """
    import polars as pl

    # Conditions stream, where a table of replacements would have polars hold all events.
    weight = pl.lit(1.0)
    for code, kind in enumerate(spec.events):
        if (of_kind := spec.weights.get(kind, 1.0)) != 1.0:
            weight = pl.when(pl.col(EVENT) == code).then(pl.lit(of_kind)).otherwise(weight)
    if not spec.value_as_weight:
        return weight
    value = pl.col(VALUE).cast(pl.Float64).fill_nan(None).fill_null(1.0)
    return weight * value.clip(lower_bound=0.0)


def constant_weight(spec: DatasetSpec) -> float | None:
    """What every event weighs before decay; None where weights differ."""
    weights = {spec.weights.get(kind, 1.0) for kind in spec.events} or {1.0}
    return None if spec.value_as_weight or len(weights) > 1 else weights.pop()


def event_seconds() -> pl.Expr:
    """Time of each event in whole seconds since 1970, UInt32; 0 for one without a time."""
    import polars as pl

    return pl.col(TIME).dt.epoch("s").clip(0, _LATEST).fill_null(0).cast(pl.UInt32)


def refuse_later_events(last: int, reference: int) -> None:
    """Hold the caller to having cut the events to the snapshot.

    An event at or after the moment that a model claims to be from would be a leak, and its
    negative age would be weighed as if it were none.

    Args:
        last: seconds since 1970 of the last event; 0 where no event has a time.
        reference: the moment, likewise.

    Raises:
        ValueError: the last event is not before it.
    """
    if last and last >= reference:
        raise ValueError(
            f"there are events up to {_moment(last)}, and the snapshot ends before"
            f" {_moment(reference)}"
        )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
