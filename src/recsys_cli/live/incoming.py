"""Events as somebody sends them, read to the letter: JSON objects in, `Event`s out.

A batch is taken whole or refused whole, and every field that is wrong is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    WithJsonSchema,
)

from recsys_cli.counted import counted
from recsys_cli.datasets.spec import DatasetSpec
from recsys_cli.errors import FieldsError, UsageError, meant
from recsys_cli.live.contract import MOST_AT_ONCE, Event, Given
from recsys_cli.moments import epoch_ms, milliseconds, now_ms, parsed_moment

MAX_ID = 256
_MOST_TOLD = 20
_AHEAD_MS = 60_000
"""By how much the clock of who sends an event may be ahead of this one."""
_FIRST_MS = -62_135_596_800_000
"""The first moment of the calendar."""

_SAID = {
    "model_type": "it is no JSON object",
    "extra_forbidden": "there is no such field; those of an event are user, item, event, time, "
    "value, id, request and dataset",
    "string_type": "it is no text",
    "string_too_short": "it is empty",
}
"""What is said of common mistakes in place of pydantic's words."""

SpecOf = Callable[[str, str | None], DatasetSpec]
"""The spec of the dataset that a user is of, and an event says it is of, if it does."""


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains a NUL character")
    return text


def _moment(given: Any) -> int:
    """Milliseconds since 1970 of a time as raw files have it."""
    known = type(given) in (int, float, str)
    try:
        at = _ms(given) if known else None
    except (ValueError, OverflowError):
        at = None
    if at is None or at < _FIRST_MS:
        raise ValueError("it is no time: write 2026-11-30T08:00:00Z, or milliseconds since 1970")
    if at > now_ms() + _AHEAD_MS:
        raise ValueError("it lies in the future")
    return at


def _ms(given: float | str) -> int:
    if not isinstance(given, str):
        return epoch_ms(given)
    try:
        return milliseconds(parsed_moment(given))
    except ValueError:
        return epoch_ms(float(given))


NoNul = AfterValidator(_without_nul)
"""For ids, which files and tables could not hold with one."""
_Id = Annotated[str, Field(min_length=1, max_length=MAX_ID), NoNul]
_Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]}),
]


class GivenEvent(BaseModel):
    """What somebody did with an item."""

    item: _Id
    """Id of the item, as in the raw files, or a new one."""
    event: _Id | None = None
    """Kind of event; by default the one that counts most."""
    time: _Moment | None = None
    """ISO 8601 (without a zone it is UTC), or since 1970 as raw files have it; by default now, or
    right after the event before it."""
    value: FiniteFloat | None = None
    """A number, such as a rating or a quantity."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"item": "i", "event": "view"}]},
    )

    @property
    def given(self) -> Given:
        """As engines take it."""
        return Given(self.item, self.event, self.time, self.value)


class IncomingEvent(GivenEvent):
    """The same, and who."""

    user: _Id
    """Id of the user, as in the raw files, or a new one."""
    id: _Id | None = None
    """Unique in the dataset: sent again, the event is a duplicate."""
    request: _Id | None = None
    """Id of the answer that it followed."""
    dataset: _Id | None = None
    """Needed only where several could be meant."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"user": "u", "item": "i", "event": "view", "time": "2026-11-30T08:00:00Z"}
            ]
        },
    )


def read_events(
    records: Sequence[Any], spec_of: SpecOf, *, place: Callable[[int], str]
) -> list[Event]:
    """The events of a batch.

    Args:
        records: what JSON objects hold, see `IncomingEvent`.
        spec_of: raises UsageError where no dataset can be told.
        place: what comes before the names of a record's fields, by its number.

    Raises:
        FieldsError: some of them are wrong.
    """
    events: list[Event] = []
    problems: list[tuple[str, str]] = []
    for number, record in enumerate(records):
        try:
            given = IncomingEvent.model_validate(record)
            events.append(_event(given, spec_of))
        except ValidationError as error:
            problems += _placed(place(number), _explained(error))
        except FieldsError as error:
            problems += _placed(place(number), error.fields)
        if len(problems) >= _MOST_TOLD:
            break
    if problems:
        raise FieldsError(problems[:_MOST_TOLD])
    return events


def read_given(records: Iterable[tuple[str, Any]]) -> list[Given]:
    """The events of a session, in order.

    Args:
        records: where each stands, and what its JSON object holds, see `GivenEvent`.

    Raises:
        FieldsError: some of them are wrong.
        UsageError: there are too many.
    """
    events: list[Given] = []
    for place, record in records:
        if len(events) == MOST_AT_ONCE:
            raise UsageError(f"{place}: more than {counted(MOST_AT_ONCE, 'events')} were given")
        try:
            plain = dict(record) if isinstance(record, Mapping) else record
            events.append(GivenEvent.model_validate(plain).given)
        except ValidationError as error:
            raise FieldsError(_placed(f"{place}: ", _explained(error))) from None
    return events


def _event(given: IncomingEvent, spec_of: SpecOf) -> Event:
    try:
        spec = spec_of(given.user, given.dataset)
    except UsageError as error:
        field = "user" if given.dataset is None else "dataset"
        raise FieldsError([(field, error.message)]) from None
    kind = given.event or usual_kind(spec)
    if kind not in spec.events:
        raise FieldsError(
            [("event", f"{no_such_kind(spec, kind)}; one of: {', '.join(spec.events)}")]
        )
    at = now_ms() if given.time is None else given.time
    more = (given.value, given.id, given.request)
    return Event(spec.name, given.user, given.item, kind, at, *more)


def no_such_kind(spec: DatasetSpec, kind: str) -> str:
    """What is wrong with a kind of event, and what was probably meant."""
    return f"{spec.name} has no kind of event {kind!r}{meant(kind, spec.events)}"


def usual_kind(spec: DatasetSpec) -> str:
    """The kind that is meant where none is said: of those that count as hits, the weightiest.

    One of returns alone is not meant.
    """
    kinds = spec.truth_events or spec.events
    bought = [kind for kind in kinds if kind not in spec.return_kinds]
    return max(bought or kinds, key=lambda kind: spec.weights.get(kind, 1.0))


def _placed(prefix: str, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Fields with what comes before their names; what has none is the record itself."""
    return [(f"{prefix}{name}" if name else prefix.rstrip(".: "), why) for name, why in fields]


def _explained(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The fields that are wrong, and what is wrong with them."""
    for one in error.errors(include_url=False):
        field = ".".join(map(str, one["loc"]))
        if one["type"] in _SAID:
            yield field, _SAID[one["type"]]
        else:
            yield field, one["msg"].removeprefix("Value error, ")
