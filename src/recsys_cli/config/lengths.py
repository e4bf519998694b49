"""Lengths of time as settings: as text that says its unit, and as a number of days."""

from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from recsys_cli.moments import parsed_length


def _checked(text: str) -> str:
    parsed_length(text)
    return text


Length = Annotated[str, AfterValidator(_checked)]
"""Such as 6h; see `recsys_cli.moments`."""
Days = Annotated[
    float,
    Field(gt=0, le=36_500),
    PlainSerializer(lambda days: days if days % 1 else int(days)),
]
"""A number of days, written as a whole number where it is one."""
