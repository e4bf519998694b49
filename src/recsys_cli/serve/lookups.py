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


class Card(ApiShape):
    """An item's name and picture, and its category and price as far as there are such."""

    item: str
    name: str
    image: str | None
    about: dict[str, Any]


class Items(ApiShape):
    """What cards show of several items."""

    dataset: str
    items: list[Card]

    model_config = example(
        dataset="hm",
        items=[
            STRAP_TOP
            | {"image": _IMAGE, "about": {"product_type_name": "Vest top", "price": 0.0339}}
        ],
    )


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


class Share(ApiShape):
    """A part of all lists; without a name those that are empty."""

    name: str | None
    share: float


class Seller(ApiShape):
    """An item, and how many users have it."""

    item: str
    name: str
    users: int


class Category(ApiShape):
    """A category's items, its shares, and what sells best of it."""

    value: str | None
    items: int
    of_catalogue: float
    of_sales: float
    of_lists: float
    listed: int
    best: list[Seller]


class Overview(ApiShape):
    """What lists are made of, see `engine.overview`; `lists` is how many were looked at.

    `events_until` is the time of the last event that was built, `live` the number of later ones.
    """

    dataset: str
    strategy: str
    k: int
    lists: int
    served_by: list[Share]
    fallbacks: list[Share]
    items: int
    listable: int
    listed: int
    coverage: float
    events_until: str | None
    built: str | None
    live: int | None
    column: str | None
    columns: list[str]
    categories: list[Category]


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
