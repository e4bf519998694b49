"""The toolkit from Python: `recsys_cli.open(folder)` is a `Shop`, and that is what stays.

What `Shop`, `RecsysError` and `RecsysWarning` hold is promised; every other module may move. One
answer is a dict in the shape of the command's `--json`, a table a polars frame.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from recsys_cli.apps.opened import Opened, failure_of
from recsys_cli.config import chosen_datasets, only_dataset
from recsys_cli.engine.engine import Filters
from recsys_cli.engine.whose import alike, dataset_of_item
from recsys_cli.errors import Command, RecsysWarning, UsageError, in_words
from recsys_cli.live.incoming import read_given
from recsys_cli.moments import lag_from, length_from, moment_from
from recsys_cli.progress import Progress, Silent

if TYPE_CHECKING:
    import polars as pl

Texts = str | Sequence[str]
"""One or several."""


class _Options(TypedDict, total=False):
    """Options of `Shop.recommend` for one user and for many, as its signature has them."""

    dataset: str | None
    strategy: str | None
    k: int | None
    exclude_seen: bool | None
    exclude: Texts
    where: Texts
    as_of: str | date | None


class Shop:
    """A workspace: build it, ask it, measure it.

    Options are those of the command line, by the same names, and so are the errors: a
    `RecsysError` has a `message` and a `hint`. What should be acted on, such as artifacts that are
    out of date, is a `RecsysWarning`. A newer build is used from the next call on; recsys.toml is
    read once, when the workspace is opened.

    Example:
        >>> import recsys_cli
        >>> shop = recsys_cli.open("shop")
        >>> shop.recommend("123", k=3)["items"][0]["rank"]
        1
    """

    def __init__(
        self,
        folder: str | PathLike[str] = ".",
        *,
        overrides: Texts = (),
        progress: Progress | None = None,
    ) -> None:
        """Open a workspace; see `recsys_cli.open`."""
        self._folder = Path(folder)
        self._opened = Opened(
            self._folder, overrides=_texts(overrides), progress=progress or _Warnings()
        )

    def __repr__(self) -> str:
        return f"Shop({str(self._folder)!r}, datasets={self.datasets})"

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets there are."""
        return list(self._opened.config.datasets)

    def build(
        self,
        *targets: str,
        dataset: str | None = None,
        as_of: str | date | None = None,
        force: bool = False,
        dry_run: bool = False,
        keep_going: bool = False,
    ) -> pl.DataFrame:
        """Run the stages that are missing or stale, in order.

        Args:
            targets: stages to build with all they need; `STAGE+` also builds what follows from
                it. None means all.
            dataset: name; None means all.
            as_of: use only events before this day or moment (UTC).
            force: run the targets even where nothing changed.
            dry_run: say what would run, and run nothing.
            keep_going: after a failure, still build what does not need it.

        Returns:
            A row per stage: dataset, stage, snapshot, action, reason, seconds, peak_memory_mb,
            and estimate: the seconds that past runs let expect of one that would run.

        Raises:
            RecsysError: a stage failed, or a target makes no sense.

        Example:
            >>> shop.build("als.train", dry_run=True)["action"].unique().to_list()
            ['skipped']
        """
        steps = list(
            self._opened.build(
                targets or ("all",),
                dataset=dataset,
                as_of=as_of,
                force=force,
                dry_run=dry_run,
                keep_going=keep_going,
            )
        )
        for step in steps:
            if step.error:
                raise failure_of(step)
        rows = [
            (s.dataset, s.stage, str(s.snapshot), s.action, s.reason, *_cost(s), s.estimate)
            for s in steps
        ]
        return _frame(_BUILD, rows)

    @overload
    def recommend(
        self,
        user: str | None = None,
        *,
        explain: bool = False,
        events: Sequence[Mapping[str, Any]] | None = None,
        disliked: Texts = (),
        **options: Unpack[_Options],
    ) -> dict[str, Any]: ...

    @overload
    def recommend(
        self, user: list[str] | tuple[str, ...] | pl.Series, **options: Unpack[_Options]
    ) -> pl.DataFrame: ...

    def recommend(
        self,
        user: str | Iterable[str] | None = None,
        *,
        dataset: str | None = None,
        strategy: str | None = None,
        k: int | None = None,
        exclude_seen: bool | None = None,
        exclude: Texts = (),
        where: Texts = (),
        as_of: str | date | None = None,
        explain: bool = False,
        events: Sequence[Mapping[str, Any]] | None = None,
        disliked: Texts = (),
    ) -> dict[str, Any] | pl.DataFrame:
        """Recommend items for one user, or for many; or for a guest, by their events.

        Args:
            user: an id, or many: a list, a column of a frame. Ids are text.
            dataset: name; None means the one that has the user, or the only one for many.
            strategy: None means `recommend.strategy` of the configuration.
            k: items per user; None means `recommend.k`.
            exclude_seen: leave out items the user already has; None is what the dataset says.
            exclude: ids of items to leave out.
            where: conditions on items, such as `column=value`, `price<20` or `colour in red,blue`.
            as_of: from models that saw only events before this day or moment; they must be
                built.
            explain: say why each item is there; for one user.
            events: what one user, or a guest, had just now, in order: each with an item, and an
                event (its kind), time (ISO 8601, or milliseconds) and value where they are known.
            disliked: ids of items that one user, or a guest, does not want to see, nor what is
                like them.

        Returns:
            For one user the answer as `recsys recommend --json` has it. For many a frame with
            user, rank, item, score and strategy_used, users in the order asked; who gets no
            items is not in it.

        Raises:
            RecsysError: what it needs is not built, or an option makes no sense.

        Example:
            >>> shop.recommend("123", strategy="popular", k=2)["strategy_used"]
            'popular'
            >>> clicked = shop.recommend("123", k=1)["items"][0]["item"]
            >>> shop.recommend("123", events=[{"item": clicked}], k=2)["live"]
            1
            >>> shop.recommend(["123", "nobody"], dataset="hm", k=2)["user"].to_list()
            ['123', '123', 'nobody', 'nobody']
        """
        opened = self._opened
        if user is None and events is None and not disliked:
            raise UsageError("name a user, or give the events of a guest")
        if isinstance(user, str):
            if not user:
                raise UsageError("the user is empty")
            name = opened.dataset_of(user, dataset)
        else:
            name = only_dataset(opened.config, dataset)
        engine, asked = opened.request(
            name,
            strategy=strategy,
            k=k,
            exclude_seen=exclude_seen,
            exclude=_texts(exclude),
            where=_texts(where),
            as_of=as_of,
        )
        if user is None or isinstance(user, str):
            users = engine.artifacts.users
            near = alike(user, users) if user is not None and users.find(user) < 0 else None
            if near:
                opened.progress.warn(f"{name} has no user {user!r}; {near}")
            came = read_given(
                (f"event {n}", dict(event)) for n, event in enumerate(events or (), 1)
            )
            return engine.recommend_one(
                user, **asked, explain=explain, events=came, disliked=_texts(disliked)
            )
        if explain or events is not None or disliked:
            raise UsageError("explain, events and disliked are about one user")
        from recsys_cli.engine.batch import recommend_many

        return recommend_many(engine, _ids(user), **asked, progress=opened.progress)

    def history(
        self, user: str, *, k: int | None = None, dataset: str | None = None
    ) -> dict[str, Any]:
        """What a user had, the latest first.

        Args:
            user: an id.
            k: how many items; None means `recommend.k` of the configuration.
            dataset: name; None means the one that has the user.

        Returns:
            The user, the dataset, the total of different items, and items with their name, the
            weight of their events, the time of the last one, and whether any is live: younger
            than the build.

        Raises:
            RecsysError: no dataset has the user, or nothing is built.

        Example:
            >>> shop.history("123", k=2)["total"] >= 2
            True
        """
        from recsys_cli.engine.had import had

        opened = self._opened
        name = opened.dataset_of(user, dataset)
        return had(opened.engine(name), user, limit=opened.length(k))

    def similar(
        self,
        item: str,
        *,
        k: int | None = None,
        where: Texts = (),
        diverse: bool = False,
        dataset: str | None = None,
    ) -> dict[str, Any]:
        """List the items whose text and picture are most like an item's.

        Args:
            item: its id.
            k: how many; None means `recommend.k` of the configuration.
            where: conditions on items, such as `column=value`, `price<20` or `colour in red,blue`.
            diverse: have them be unlike each other too, and not all colours of one product.
            dataset: name; None means the one that has the item.

        Returns:
            The answer as `recsys similar --json` has it.

        Raises:
            RecsysError: there is no such item, or nothing is built to compare items by.

        Example:
            >>> bought = shop.recommend("123", k=1)["items"][0]["item"]
            >>> len(shop.similar(bought, k=3)["items"])
            3
        """
        opened = self._opened
        datasets = chosen_datasets(opened.config, dataset)
        name = dataset_of_item(opened.workspace, datasets, item)
        length, held = opened.length(k), opened.held(name)
        allow = held.engine.allowed(Filters(where=_texts(where)))
        return held.similar.item(item, k=length, allow=allow, diverse=diverse)

    def search(
        self,
        words: str | None = None,
        *,
        image: str | PathLike[str] | bytes | None = None,
        k: int | None = None,
        where: Texts = (),
        dataset: str | None = None,
    ) -> dict[str, Any]:
        """Search items of one or all datasets by words or by a picture.

        Args:
            words: what to look for, in words.
            image: instead of words, a picture: its file, or its bytes.
            k: how many; None means `recommend.k` of the configuration.
            where: conditions on items, as for `recommend`.
            dataset: name; None means all.

        Returns:
            The answer as `recsys search --json` has it.

        Raises:
            RecsysError: no encoder is configured, or nothing is built to search.

        Example:
            >>> found = shop.search("red dress", dataset="hm", k=3)
            >>> [item["rank"] for item in found["items"]]
            [1, 2, 3]
        """
        from recsys_cli.engine.queries import Query
        from recsys_cli.engine.search import search

        if (words is None) == (image is None):
            raise UsageError("search for words, or for a picture")
        picture = image if image is None or isinstance(image, bytes) else Path(image)
        opened = self._opened
        return search(
            opened.workspace,
            opened.config,
            chosen_datasets(opened.config, dataset),
            Query(words, picture),
            k=opened.length(k),
            where=_texts(where),
            encoders=opened.encoders,
        )

    def evaluate(
        self,
        *,
        strategy: Texts = (),
        k: int | Sequence[int] = (),
        cutoff: str | date | None = None,
        horizon: int | str | None = None,
        protocol: str | None = None,
        windows: int | None = None,
        truth: str | PathLike[str] | None = None,
        exclude_seen: bool | None = None,
        baseline: str | None = None,
        live: int | str | None = None,
        rules: Texts | None = None,
        dataset: str | None = None,
    ) -> pl.DataFrame:
        """Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals.

        The models of the snapshot before each test window are built where they are missing.

        Args:
            strategy: one or several; none means all that make sense.
            k: depths; none means `eval.k` of the configuration.
            cutoff: start of the test window; None means that it ends with the last event.
            horizon: length of the test window in days, or as `6h`; None means the dataset's.
            protocol: `temporal`, `leave-last-out`, `next-in-session` or `random-out`; None means
                `eval.protocol`, and `random-out` where events carry no time.
            windows: consecutive test windows; None means `eval.windows`.
            truth: a file with a given test split, in place of a protocol.
            exclude_seen: leave out items users already had; None is what the dataset says.
            baseline: strategy to compare with, user by user; None means `eval.baseline`.
            live: predict what users have next at every moment of the window, by each strategy with
                and without what they did in it until so long before: 0, or as `10m`.
            rules: measure each strategy without rules and with each of these, by name; or `all`,
                or `none`. None measures what is served.
            dataset: name; None means all.

        Returns:
            A row per dataset, strategy, group of users and metric: value, low, high, and
            difference, difference_low, difference_high from the baseline, null for itself.

        Raises:
            RecsysError: no strategy can be built, or there is nothing to evaluate on.

        Example:
            >>> figures = shop.evaluate(strategy="popular", k=12, dataset="rr")
            >>> "ndcg@12" in figures["metric"]
            True
        """
        from recsys_cli.apps.evaluate import Question, run_evaluation

        opened, config = self._opened, self._opened.config
        question = Question(
            strategies=_texts(strategy),
            ks=[k] if isinstance(k, int) else list(k),
            protocol=protocol,
            cutoff=moment_from(cutoff, option="cutoff") if cutoff else None,
            horizon=length_from(horizon, option="horizon") if horizon else None,
            windows=windows,
            truth=Path(truth) if truth else None,
            exclude_seen=exclude_seen,
            baseline=baseline,
            live=lag_from(live, option="live"),
            rules=None if rules is None else _texts(rules),
        )
        # A truth file is about one dataset, and nothing in it says which.
        names = [only_dataset(config, dataset)] if truth else chosen_datasets(config, dataset)
        rows: list[tuple[Any, ...]] = []
        for name in names:
            result = run_evaluation(opened, name, question).result
            for warning in result.warnings:
                opened.progress.warn(f"{name}: {warning}")
            rows += [(name, *figure) for figure in result.figures()]
        return _frame(_FIGURES, rows)

    def status(self, *, dataset: str | None = None, check: bool = False) -> pl.DataFrame:
        """What exists, how old and large it is, and what is stale.

        Args:
            dataset: name; None means all.
            check: hash every artifact instead of trusting sizes and times.

        Returns:
            A row per stage and snapshot: dataset, stage, snapshot, state (`fresh`, `stale`,
            `missing` or `damaged`), reason, finished, bytes, seconds, peak_memory_mb.

        Example:
            >>> shop.status(dataset="hm").filter(stage="als.train", snapshot="now")["state"][0]
            'fresh'
        """
        from recsys_cli.apps.status import status_of

        states, _ = status_of(self._opened, dataset=dataset, thorough=check)
        rows = [
            (s.dataset, s.name, s.snapshot, s.state, s.reason, s.finished, s.bytes, *_cost(s))
            for s in states
        ]
        frame = _frame(_STATUS, rows)
        return frame.with_columns(frame["finished"].str.to_datetime(time_zone="UTC"))

    def clean(self, *, dry_run: bool = False) -> pl.DataFrame:
        """Remove past snapshots, datasets' artifacts and caches that nothing reads any more.

        Args:
            dry_run: say what would go, and remove nothing.

        Returns:
            What went: path, why, files, bytes.

        Raises:
            RecsysError: another process is writing, or artifacts/ is a link.

        Example:
            >>> shop.clean(dry_run=True)["bytes"].sum()
            0
        """
        from recsys_cli.apps.clean import clean

        found = clean(self._opened, dry_run=dry_run)
        return _frame(_LEFTOVERS, [tuple(leftover.row().values()) for leftover in found])


_LEFTOVERS = {"path": "String", "why": "String", "files": "Int64", "bytes": "Int64"}
_COST = {"seconds": "Float64", "peak_memory_mb": "Float64"}
_STAGE = {"dataset": "String", "stage": "String", "snapshot": "String"}
_BUILD = _STAGE | {"action": "String", "reason": "String"} | _COST | {"estimate": "Float64"}
_STATUS = (
    _STAGE | {"state": "String", "reason": "String", "finished": "String", "bytes": "Int64"} | _COST
)
_FIGURES = {
    "dataset": "String", "strategy": "String", "group": "String", "metric": "String",
    "value": "Float64", "low": "Float64", "high": "Float64",
    "difference": "Float64", "difference_low": "Float64", "difference_high": "Float64",
}  # fmt: skip


def _frame(columns: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    import polars as pl

    schema = {name: getattr(pl, dtype) for name, dtype in columns.items()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def _cost(stage: Any) -> tuple[float | None, float | None]:
    return stage.seconds, stage.peak_memory_mb


def _texts(given: Texts) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _ids(users: Iterable[str]) -> list[str]:
    ids = list(users)
    for user in ids:
        if not isinstance(user, str):
            raise UsageError(
                f"users' ids are text, and {user!r} is not", hint="cast them to strings"
            )
    return ids


class _Warnings(Silent):
    """Says what should be acted on as Python warns, and nothing else."""

    def warn(self, *parts: str | Command) -> None:
        """Warn at the line that called this package."""
        level, frame = 1, sys._getframe()
        while frame.f_back and frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
            level, frame = level + 1, frame.f_back
        warnings.warn(in_words(parts), RecsysWarning, stacklevel=level)
