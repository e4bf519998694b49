"""The shapes of what is looked up: items, users, histories, columns and results of evaluations."""

from __future__ import annotations

from typing import Any

from recsys_cli.serve.answers import Shape, example


class Item(Shape):
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
        image="/items/0108775015/image?dataset=hm",
        fields={"product_type_name": "Vest top"},
    )


class Had(Shape):
    """An item of somebody's history; `weight` sums its events, weighted by kind."""

    item: str
    name: str
    weight: float
    last: str | None


class History(Shape):
    """What a user has, newest first."""

    user: str
    dataset: str
    total: int
    items: list[Had]

    model_config = example(
        user="123",
        dataset="hm",
        total=1,
        items=[
            {
                "item": "0108775015",
                "name": "Strap top",
                "weight": 2.0,
                "last": "2020-09-15T00:00:00Z",
            }
        ],
    )


class Pictured(Shape):
    """An item's name and picture."""

    item: str
    name: str
    image: str | None


class Items(Shape):
    """Names and pictures of several items."""

    dataset: str
    items: list[Pictured]

    model_config = example(
        dataset="hm",
        items=[
            {
                "item": "0108775015",
                "name": "Strap top",
                "image": "/items/0108775015/image?dataset=hm",
            }
        ],
    )


class ExampleUser(Shape):
    """A user, and how many items they have."""

    user: str
    items: int


class ExampleUsers(Shape):
    """Users to try things with."""

    dataset: str
    users: list[ExampleUser]

    model_config = example(dataset="hm", users=[{"user": "123", "items": 42}])


class ColumnValue(Shape):
    """A value, and how many items have it."""

    value: str
    items: int


class ColumnValues(Shape):
    """Values of a column of the items table."""

    dataset: str
    column: str
    values: list[ColumnValue]

    model_config = example(
        dataset="hm",
        column="product_type_name",
        values=[{"value": "Vest top", "items": 2991}],
    )


class Users(Shape):
    """Ids that begin alike."""

    dataset: str
    users: list[str]

    model_config = example(dataset="hm", users=["123", "1234"])


class Evaluations(Shape):
    """Results of `recsys eval --json`, by file, newest first."""

    evaluations: list[dict[str, Any]]

    model_config = example(evaluations=[{"file": "eval.json", "results": [{"dataset": "hm"}]}])
