"""Recommendations for all users, written to a file in blocks of bounded memory.

Blocks of users go through the same `Engine` as one user's request; each becomes a frame with
external ids that polars' streaming writers append to the file, which appears when complete.
Finished blocks are kept until then, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from recsys_cli.columns import ITEM, RANK, SCORE, STRATEGY_USED, USER
from recsys_cli.counted import counted
from recsys_cli.engine.checkpoints import Checkpoints, batch_fingerprint
from recsys_cli.engine.engine import NO_FILTERS, Engine, Filters
from recsys_cli.errors import UsageError
from recsys_cli.progress import Progress, Silent
from recsys_cli.ranking.fallback import Answer
from recsys_cli.store.files import atomic_path

if TYPE_CHECKING:
    import polars as pl

Format = Literal["parquet", "csv", "jsonl", "kaggle"]

_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_BLOCK_CELLS = 1 << 19
"""Recommended items in memory at a time."""


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What a batch file holds.

    Attributes:
        path: the file.
        users: users in it.
        rows: items in it.
        fallbacks: users served in part or in full by another strategy than the one asked for.
        resumed: users whose lists were there from a run that was killed.
        failed: users for whom the strategy asked for failed.
        failure: for whom it did first, and what happened; None where it did not.
        short: users whose lists are shorter than k under rules.
    """

    path: Path
    users: int
    rows: int
    fallbacks: int
    resumed: int = 0
    failed: int = 0
    failure: str | None = None
    short: int = 0


def format_of(path: Path) -> Format:
    """The format that a file name asks for.

    Raises:
        UsageError: the suffix is none of .parquet, .csv, .jsonl.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(
            f"cannot tell the format of {path}", hint="end it in .parquet, .csv, .jsonl"
        )
    return _SUFFIXES[path.suffix]


def recommend_all(
    engine: Engine,
    out: Path,
    *,
    strategy: str,
    k: int,
    file_format: Format | None = None,
    filters: Filters = NO_FILTERS,
    progress: Progress | None = None,
) -> BatchSummary:
    """Write every user's list to `out`.

    Args:
        engine: the dataset's strategies.
        out: target; replaced when the new file is complete.
        strategy: strategy asked for.
        k: list length.
        file_format: parquet, csv and jsonl have columns user, rank, item, score and
            strategy_used; kaggle has customer_id and prediction (ids between spaces);
            None means what the file name says.
        filters: what may be recommended.
        progress: told how many users are done.

    Raises:
        UsageError: the format cannot be told from the name.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    if file_format is None:
        file_format = format_of(out)
    elif file_format == "kaggle" and out.suffix != ".csv":
        raise UsageError(
            f"kaggle's format is CSV, and {out} is not called so", hint="end it in .csv"
        )
    report = progress or Silent()
    users = engine.artifacts.users
    items = pl.Series(engine.artifacts.items.to_list(), dtype=pl.String)
    render: Callable[..., pl.DataFrame] = _kaggle if file_format == "kaggle" else _long
    schema = _KAGGLE_COLUMNS if file_format == "kaggle" else _LONG_COLUMNS
    allow = engine.allowed(filters)
    counts = {"rows": 0, "fallbacks": 0, "resumed": 0, "failed": 0, "short": 0}
    failures: list[str] = []
    step = _block(engine.depth(k), len(items))
    arguments = {"strategy": strategy, "k": k, "step": step, "filters": asdict(filters)}
    if engine.rules is not None:
        arguments["rules"] = engine.rules_config.model_dump()
    finished = Checkpoints(out, batch_fingerprint(engine.artifacts, arguments), n_items=len(items))

    def answered(start: int) -> Answer:
        rows = np.arange(start, min(start + step, len(users)), dtype=np.int32)
        answer = finished.load(start)
        if answer is not None:
            counts["resumed"] += len(rows)
            return answer
        answer = engine.answer(
            rows, strategy=strategy, k=k, exclude_seen=filters.exclude_seen, allow=allow
        )
        if len(users) > step:
            finished.save(start, answer)
        return answer

    def blocks(
        with_columns: list[str] | None, _predicate: object, _rows: object, _size: object
    ) -> Iterator[pl.DataFrame]:
        starts = range(0, len(users), step)
        for start, answer in zip(starts, _ahead(answered, starts), strict=True):
            ids = users.to_list(start, min(start + step, len(users)))
            frame = render(pl.Series(ids, dtype=pl.String), items, answer)
            counts["rows"] += len(frame)
            for key, count in _counts(answer, min(k, len(items)) if engine.rules else 0).items():
                counts[key] += count
            if answer.failure and not failures:
                user = ids[int(answer.failed.argmax())]
                failures.append(f"{strategy} failed for user {user}: {answer.failure}")
            report.advance(len(ids))
            yield frame.select(with_columns) if with_columns else frame

    # Errors in what was asked for must not surface from inside polars.
    engine.strategy(strategy)
    report.start(f"recommend {engine.dataset}", len(users))
    dtypes = {name: getattr(pl, dtype) for name, dtype in schema.items()}
    lazy = register_io_source(blocks, schema=dtypes, is_pure=False)
    with atomic_path(out) as temporary:
        _sink(lazy, temporary, file_format)
    finished.clear()
    if counts["resumed"]:
        report.log(f"went on after {counted(counts['resumed'], 'users that were done')}")
    return BatchSummary(out, len(users), **counts, failure=failures[0] if failures else None)


def recommend_many(
    engine: Engine,
    users: Sequence[str],
    *,
    strategy: str,
    k: int,
    filters: Filters = NO_FILTERS,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Lists for some users, in the order asked, in the columns of `recommend_all`.

    Args:
        engine: the dataset's strategies.
        users: external ids; those that nobody knows get a fallback's list.
        strategy: strategy asked for.
        k: list length.
        filters: what may be recommended.
        progress: told how many users are done, and for whom the strategy failed.
    """
    import polars as pl

    report, allow = progress or Silent(), engine.allowed(filters)
    items = pl.Series(engine.artifacts.items.to_list(), dtype=pl.String)
    step = _block(engine.depth(k), len(items))
    frames = [pl.DataFrame(schema={n: getattr(pl, dtype) for n, dtype in _LONG_COLUMNS.items()})]
    report.start(f"recommend {engine.dataset}", len(users))
    for start in range(0, len(users), step):
        ids = users[start : start + step]
        rows = np.array([engine.artifacts.users.find(user) for user in ids], np.int32)
        answer = engine.answer(
            rows, strategy=strategy, k=k, exclude_seen=filters.exclude_seen, allow=allow
        )
        if answer.failure:
            failed = ids[int(answer.failed.argmax())]
            report.warn(f"{strategy} failed for user {failed}: {answer.failure}")
        frames.append(_long(pl.Series(ids, dtype=pl.String), items, answer))
        report.advance(len(ids))
    return pl.concat(frames)


def _counts(answer: Answer, least: int) -> dict[str, int]:
    """What a summary counts: users helped by others, failed for, and with less than `least`."""
    lengths = (answer.recommendations.items >= 0).sum(axis=1)
    told = {"fallbacks": answer.reason > 0, "failed": answer.failed, "short": lengths < least}
    return {key: int(rows.sum()) for key, rows in told.items()}


def _block(k: int, n_items: int) -> int:
    """Users whose lists fit into memory at a time."""
    return max(1, _BLOCK_CELLS // max(min(k, n_items), 1))


def _ahead(make: Callable[[int], Answer], starts: Iterable[int]) -> Iterator[Answer]:
    """`make` of each start in order; the next is made while the one before is written."""
    with ThreadPoolExecutor(1) as pool:
        before: Future[Answer] | None = None
        for start in starts:
            following = pool.submit(make, start)
            if before is not None:
                yield before.result()
            before = following
        if before is not None:
            yield before.result()


_LONG_COLUMNS = {
    USER: "String", RANK: "Int32", ITEM: "String", SCORE: "Float32", STRATEGY_USED: "String",
}  # fmt: skip
_KAGGLE_COLUMNS = {"customer_id": "String", "prediction": "String"}


def _sink(frame: pl.LazyFrame, path: Path, file_format: Format) -> None:
    if file_format == "parquet":
        frame.sink_parquet(path)
    elif file_format == "jsonl":
        frame.sink_ndjson(path)
    else:
        frame.sink_csv(path)


def _long(users: pl.Series, items: pl.Series, answer: Answer) -> pl.DataFrame:
    """A row per recommended item."""
    import polars as pl

    lists = answer.recommendations
    row, rank = np.nonzero(lists.items >= 0)
    used = pl.Series([*answer.strategies], dtype=pl.String).gather(answer.used[row])
    return pl.DataFrame(
        {
            USER: users.gather(row),
            RANK: (rank + 1).astype(np.int32),
            ITEM: items.gather(lists.items[row, rank]),
            SCORE: lists.scores[row, rank],
            STRATEGY_USED: used,
        }
    )


def _kaggle(users: pl.Series, items: pl.Series, answer: Answer) -> pl.DataFrame:
    """A row per user, the item ids in one field; users without any list get an empty one."""
    import polars as pl

    lists = answer.recommendations
    listed = lists.items >= 0
    row, rank = np.nonzero(listed)
    joined = (
        pl.DataFrame({"row": row, ITEM: items.gather(lists.items[row, rank])})
        .group_by("row", maintain_order=True)
        .agg(pl.col(ITEM).str.join(" "))
    )
    prediction = np.zeros(len(users), np.int64)
    prediction[joined["row"].to_numpy()] = np.arange(1, len(joined) + 1)
    texts = pl.concat([pl.Series([""]), joined[ITEM]])
    return pl.DataFrame({"customer_id": users, "prediction": texts.gather(prediction)})
