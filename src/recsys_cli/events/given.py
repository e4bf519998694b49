"""Events as callers give them, in JSON: what somebody had just now, read to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from recsys_cli.errors import UsageError
from recsys_cli.moments import milliseconds, parsed_moment

MAX_ID = 256
MOST = 1000
"""Events that may be given at a time."""
_LATEST_MS = 253_402_300_799_999


class Given(NamedTuple):
    """An event that came since the artifacts were made.

    Attributes:
        item: external id.
        event: its kind; None for the one that weighs least.
        time: milliseconds since 1970; None for right after those before it.
        value: such as a price; None for none.
    """

    item: str
    event: str | None = None
    time: int | None = None
    value: float | None = None


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains a NUL character")
    return text


def _milliseconds(given: Any) -> int:
    """Milliseconds since 1970, of those or of a date and time (UTC where it has no offset)."""
    if isinstance(given, str):
        try:
            given = milliseconds(parsed_moment(given))
        except (ValueError, OverflowError):
            raise ValueError("it is no date and time such as 2026-11-30T08:00:00Z") from None
    if type(given) is not int:
        raise ValueError("it is neither a date and time nor milliseconds since 1970")
    if not 0 <= given <= _LATEST_MS:
        raise ValueError("it lies before 1970 or after 9999")
    return given


NoNul = AfterValidator(_without_nul)
"""For ids, which files and tables could not hold with one."""
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID), NoNul]
Milliseconds = Annotated[int, BeforeValidator(_milliseconds)]


class GivenEvent(BaseModel):
    """An event of somebody's: the item, and its kind, moment and value where they are known."""

    item: Id
    event: Id | None = None
    time: Milliseconds | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"item": "0108775015", "event": "view"}]},
    )

    @property
    def given(self) -> Given:
        """As engines take it."""
        return Given(self.item, self.event, self.time, self.value)


def events_of_lines(lines: Iterable[str], *, source: str) -> list[Given]:
    """Events in order, one of JSON a line; empty lines are skipped.

    Args:
        lines: of a file.
        source: its name, for messages.

    Raises:
        UsageError: a line holds something else, or there are too many.
    """
    found: list[Given] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source}, line {number}"
        if len(found) == MOST:
            raise UsageError(f"{where}: at most {MOST:,} events may be given")
        try:
            value = json.loads(line)
        except ValueError as error:
            raise UsageError(
                f"{where}: it is no JSON ({error})", hint='such as {"item": "0108775015"}'
            ) from None
        found.append(_validated(value, where))
    return found


def given_from(event: Mapping[str, Any] | Given, place: int) -> Given:
    """An event as a caller in Python gives it; `place` counts from 0.

    Raises:
        UsageError: something of it makes no sense.
    """
    return event if isinstance(event, Given) else _validated(dict(event), f"event {place + 1}")


def _validated(value: Any, where: str) -> Given:
    try:
        return GivenEvent.model_validate(value).given
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {field}: {what}" if field else f"{where}: {what}") from None
