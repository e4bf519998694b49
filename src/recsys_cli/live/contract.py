"""What live events are, and what a log of them does; `sqlite` and `postgres` keep one.

A log is append-only: an event that was accepted is there, once, until it is dropped for its age.
Ids are text, exactly as they came, and need not be those of any build. Times are whole
milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

MOST_AT_ONCE = 1000
"""Events that one request may bring."""


class Event(NamedTuple):
    """Something that a user did with an item.

    Attributes:
        dataset: whose user and item they are.
        user: external id.
        item: external id.
        kind: of event, one of the dataset's.
        time: when it happened, ms.
        value: a finite number, such as a rating.
        id: the client's own, unique in a dataset: sent again, the event is a duplicate.
        request: the answer that it followed, as the client was told its id.
    """

    dataset: str
    user: str
    item: str
    kind: str
    time: int
    value: float | None = None
    id: str | None = None
    request: str | None = None


class Did(NamedTuple):
    """What is asked of a user's event, see `Event`."""

    item: str
    kind: str
    time: int
    value: float | None


class Given(NamedTuple):
    """What somebody had since the artifacts were made.

    Attributes:
        item: external id.
        event: its kind; None for the usual one.
        time: ms; None for right after those before it.
        value: such as a price; None for none.
    """

    item: str
    event: str | None = None
    time: int | None = None
    value: float | None = None


class ShownList(NamedTuple):
    """A list that was shown to somebody.

    Attributes:
        request: id of the answer.
        dataset: whose items they are.
        user: external id; None for a guest.
        strategy: who made the list.
        time: when it was answered, ms.
        items: external ids, in order.
    """

    request: str
    dataset: str
    user: str | None
    strategy: str
    time: int
    items: Sequence[str]


class Appended(NamedTuple):
    """What became of a batch: events that were new, and those that were there before."""

    accepted: int
    duplicates: int


class Counts(NamedTuple):
    """What a log has of one dataset; times are those of the first and the last event, ms."""

    events: int
    users: int
    first: int
    last: int


class Sold(NamedTuple):
    """What everybody did with an item in an hour.

    Attributes:
        item: external id.
        kind: of the events.
        hour: whole hours since 1970.
        events: how many.
        value: the sum of their values without signs, 1 for those without one.
        back: whether they are those of negative values, or the others.
    """

    item: str
    kind: str
    hour: int
    events: int
    value: float
    back: bool = False


class EventLog(Protocol):
    """A log that threads and processes share. Every method may be called from any thread.

    All raise LogError where the log cannot be read or written; a log that nobody wrote to is empty,
    and reading makes no file.
    """

    def append(self, events: Sequence[Event]) -> Appended:
        """Keep a batch whole: when this returns, neither a kill nor a power cut loses it."""

    def append_lists(self, lists: Sequence[ShownList]) -> None:
        """Keep what was shown, likewise."""

    def of_user(
        self, dataset: str, user: str, *, after: int | None = None, limit: int = MOST_AT_ONCE
    ) -> list[Did]:
        """The last `limit` events of a user later than `after`, by time, then as they came.

        Args:
            dataset: of the user.
            user: external id.
            after: ms; None means all.
            limit: how many at most.
        """

    def last_seq(self) -> int:
        """A number that grows whenever events are appended; 0 for a log without any."""

    def counts(self) -> dict[str, Counts]:
        """By dataset."""

    def by_item(self, dataset: str, *, after: int | None = None) -> dict[str, int]:
        """How many events each item has that are later than `after` (ms; None means all)."""

    def by_hour(self, dataset: str, *, after: int | None = None) -> list[Sold]:
        """What everybody did with each item later than `after` (ms; None means all)."""

    def export(self, dataset: str | None = None) -> Iterator[Event]:
        """The events of one dataset, or of all, as they came; what is appended meanwhile is not."""

    def lists(self, dataset: str | None = None) -> Iterator[ShownList]:
        """What was shown of one dataset, or of all, as it came."""

    def drop(self, before: int) -> int:
        """Forget what is earlier than `before` (ms), lists too; how many events that were.

        It goes bit by bit: a kill leaves some of it.
        """

    def size(self) -> int:
        """Bytes that the log takes."""

    def close(self) -> None:
        """Give back connections; whoever asks again opens new ones."""
