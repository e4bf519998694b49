"""The shapes of what is looked up: items, users, histories, columns and results of evaluations."""

from __future__ import annotations

from typing import Any

from recsys_cli.serve.answers import STRAP_TOP, ApiShape, example

_IMAGE = "/items/0108775015/image?dataset=hm"


class Item(ApiShape):
    """What is known about an item; `fields` are the columns of the items table."""

    item: str
    dataset: str
    name: str
    image: str | None
    fields: dict[str, Any]

    model_config = example(
        item="0108775015",
        dataset="hm",
        name="Strap top",
        image=_IMAGE,
        fields={"product_type_name": "Vest top"},
    )


class Had(ApiShape):
    """An item of somebody's history; `weight` sums its events, weighted by kind.

    `live` are those with events that are younger than the build.
    """

    item: str
    name: str
    weight: float
    last: str | None
    live: bool


class History(ApiShape):
    """What a user has, newest first."""

    user: str
    dataset: str
    total: int
    items: list[Had]

    model_config = example(
        user="123",
        dataset="hm",
        total=1,
        items=[STRAP_TOP | {"weight": 2.0, "last": "2020-09-15T00:00:00Z", "live": False}],
    )


class Pictured(ApiShape):
    """An item's name and picture."""

    item: str
    name: str
    image: str | None


class Items(ApiShape):
    """Names and pictures of several items."""

    dataset: str
    items: list[Pictured]

    model_config = example(dataset="hm", items=[STRAP_TOP | {"image": _IMAGE}])


class ExampleUser(ApiShape):
    """A user, and how many items they have."""

    user: str
    items: int


class ExampleUsers(ApiShape):
    """Users to try things with."""

    dataset: str
    users: list[ExampleUser]

    model_config = example(dataset="hm", users=[{"user": "123", "items": 42}])


class ColumnValue(ApiShape):
    """A value, and how many items have it."""

    value: str
    items: int


class ColumnValues(ApiShape):
    """Values of a column of the items table."""

    dataset: str
    column: str
    values: list[ColumnValue]

    model_config = example(
        dataset="hm", column="product_type_name", values=[{"value": "Vest top", "items": 2991}]
    )


class Users(ApiShape):
    """Ids that begin alike."""

    dataset: str
    users: list[str]

    model_config = example(dataset="hm", users=["123", "1234"])


class Taken(ApiShape):
    """What became of a batch of events; `known_items` counts those whose items are built."""

    accepted: int
    known_items: int
    duplicates: int

    model_config = example(accepted=1, known_items=1, duplicates=0)


class Evaluations(ApiShape):
    """Results of `recsys eval --json`, by file, newest first."""

    evaluations: list[dict[str, Any]]

    model_config = example(evaluations=[{"file": "eval.json", "results": [{"dataset": "hm"}]}])
