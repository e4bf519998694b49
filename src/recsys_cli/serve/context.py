"""What routes share: the state in use, settings, threads, encoders, metrics; and parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Path as InPath
from fastapi import Query
from pydantic import Field

from recsys_cli.config import Config, ServeConfig
from recsys_cli.config.load import section_for
from recsys_cli.engine.attributes import Heard
from recsys_cli.engine.registry import AUTO
from recsys_cli.errors import RecsysError, UsageError
from recsys_cli.live.contract import EventLog, ShownList
from recsys_cli.live.incoming import MAX_ID, NoNul
from recsys_cli.moments import now_ms
from recsys_cli.serve.current import Current
from recsys_cli.serve.encoding import Encodable, Encoders, Vectors
from recsys_cli.serve.metrics import Metrics
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.shown import ShownLists, strategy_of
from recsys_cli.serve.state import Served, State
from recsys_cli.serve.work import Work
from recsys_cli.store.workspace import Workspace
from recsys_cli.strategies.content.fusion import TEXT, ContentSpace

MAX_WORDS = 2000
MAX_CONDITIONS = 10
MAX_LIST = 1000

UserId = Annotated[str, InPath(max_length=MAX_ID, examples=["123"]), NoNul]
ItemId = Annotated[str, InPath(max_length=MAX_ID, examples=["0108775015"]), NoNul]
Name = Annotated[str, Field(max_length=MAX_ID)]
Text = Annotated[str, Field(max_length=MAX_WORDS)]
Length = Annotated[int, Field(ge=1)] | None
DatasetName = Annotated[
    str | None,
    Query(max_length=MAX_ID, description="Needed only where several datasets could be meant."),
]
Where = Annotated[
    list[Annotated[str, Query(max_length=MAX_ID)]] | None,
    Query(
        max_length=MAX_CONDITIONS,
        description="Only items that meet a condition, such as column=value, price<20 or "
        "colour in red,blue; may be repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class ServerContext:
    """One server process's parts."""

    workspace: Workspace
    config: Config
    current: Current
    work: Work
    encoding: Work
    taking: Work
    encoders: Encoders
    live: EventLog | None
    shown: ShownLists | None
    metrics: Metrics

    @property
    def state(self) -> State:
        """What to answer from; a request asks once, and keeps what it got."""
        return self.current.state

    @property
    def settings(self) -> ServeConfig:
        """Limits."""
        return self.config.serve

    @property
    def default_k(self) -> int:
        """The length of a list where none is asked for."""
        return min(self.config.recommend.k, self.settings.max_k)

    def usual(self, dataset: str) -> tuple[str, int]:
        """The strategy and the length of a user's list where none is asked for."""
        own = section_for(self.config, "recommend", dataset)
        return own.strategy, min(own.k, self.settings.max_k)

    def strategy_for(self, served: Served, user: str | None) -> str:
        """The strategy that answers a user where none is asked for."""
        split = self.settings.split
        if user is not None and split and all(name in served.strategies for name in split):
            return strategy_of(user, split)
        return self.usual(served.name)[0]

    def length(self, asked: int | None, *, name: str = "top_k") -> int:
        """The length of a list that a body asks for by some name, or the default.

        Raises:
            UsageError: it is longer than may be asked for.
        """
        if asked is None:
            return self.default_k
        if asked > self.settings.max_k:
            raise UsageError(f"body.{name}: it must be at most {self.settings.max_k}")
        return asked

    async def encode(self, served: Served, asked: Encodable) -> Vectors:
        """See `Encoders.encode`; done where it keeps nobody waiting.

        Raises:
            ConfigError: the items have no content vectors.
        """
        ask = partial(self.encoders.encode, served.name, served.need_space(), asked)
        return await asyncio.wrap_future(self.encoding.submit("encode", ask))

    async def heard(self, served: Served, words: str) -> Heard | None:
        """What words say of the columns of a dataset's items; done where encoding is."""
        space = served.space
        encode = None
        if space is not None and TEXT in space.encoders:
            encode = partial(self._texts, served.name, space)
        ask = partial(served.attributes.heard, words, encode)
        return await asyncio.wrap_future(self.encoding.submit("heard", ask))

    def _texts(self, dataset: str, space: ContentSpace, texts: Sequence[str]) -> Vectors:
        return self.encoders.encode(dataset, space, list(texts))

    @contextmanager
    def counting_errors(self, dataset: str, strategy: str) -> Iterator[None]:
        """Count what nobody foresaw; it is answered as a failure of the server (500)."""
        try:
            yield
        except RecsysError:
            raise
        except Exception:
            self.metrics.strategy_errors.labels(dataset, strategy).inc()
            raise

    def answered(self, answer: dict[str, Any], *, shown: bool = True) -> JSON:
        """An answer with an id, counted, and logged where a user's lists are, if it is `shown`.

        An experiment is about the strategy that was asked for, whoever made the list in the end.
        """
        answer["request_id"] = uuid4().hex
        if shown and self.shown is not None and "user" in answer:
            self.shown.put(
                ShownList(
                    answer["request_id"],
                    answer["dataset"],
                    answer["user"],
                    _credited(answer),
                    now_ms(),
                    [item["item"] for item in answer["items"]],
                )
            )
        strategy = str(answer.get("strategy", "similar" if "item" in answer else "search"))
        self.metrics.answers.labels(
            answer["dataset"],
            strategy,
            answer["strategy_used"] or "none",
            "no" if answer["fallback_reason"] is None else "yes",
        ).inc()
        return JSON(answer)


def _credited(answer: dict[str, Any]) -> str:
    """The strategy that a list is one of: the one asked for, or what `auto` came to."""
    asked = str(answer["strategy"])
    return str(answer["strategy_used"] or "none") if asked == AUTO else asked
