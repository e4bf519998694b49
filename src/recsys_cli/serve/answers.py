"""The shapes of answers, for the API's description: those of the command line's `--json`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Base of all shapes."""

    model_config = ConfigDict(extra="forbid")


class Listed(Shape):
    """One item of a list."""

    rank: int
    item: str
    score: float
    name: str
    sources: list[str]
    dataset: str | None = None
    explanation: dict[str, Any] | None = None


_ITEM = {
    "rank": 1,
    "item": "0108775015",
    "score": 0.93,
    "name": "Strap top",
    "sources": ["collab"],
}


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class Recommended(Shape):
    """As `recsys recommend --json`."""

    user: str | None
    dataset: str
    strategy: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]
    ranked_by: str | None = None
    unknown: list[str] | None = None

    model_config = _example(
        user="123",
        dataset="hm",
        strategy="collab",
        strategy_used="collab",
        fallback_reason=None,
        items=[_ITEM],
    )


class SimilarItems(Shape):
    """As `recsys similar --json`."""

    item: str
    dataset: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]

    model_config = _example(
        item="0108775015",
        dataset="hm",
        strategy_used="content",
        fallback_reason=None,
        items=[_ITEM | {"item": "0108775044", "sources": ["content"]}],
    )


class Found(Shape):
    """As `recsys search --json`."""

    query: str
    dataset: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]

    model_config = _example(
        query="red dress",
        dataset="hm",
        strategy_used="content",
        fallback_reason=None,
        items=[_ITEM | {"sources": ["content"], "dataset": "hm"}],
    )


class Ranked(Shape):
    """A catalogue in order."""

    dataset: str
    strategy: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]

    model_config = _example(
        dataset="hm",
        strategy="content",
        strategy_used="content",
        fallback_reason=None,
        items=[_ITEM | {"item": "A-1", "name": "red summer dress", "sources": ["content"]}],
    )


class Embedded(Shape):
    """The vector of a picture."""

    dataset: str
    encoder: str
    dim: int
    vector: list[float]

    model_config = _example(
        dataset="hm", encoder="histogram@553aa5e06749", dim=2, vector=[0.6, 0.8]
    )


class Item(Shape):
    """What is known about an item; `fields` are the columns of the items table."""

    item: str
    dataset: str
    name: str
    image: str | None
    fields: dict[str, Any]

    model_config = _example(
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

    model_config = _example(
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

    model_config = _example(
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

    model_config = _example(dataset="hm", users=[{"user": "123", "items": 42}])


class ColumnValue(Shape):
    """A value, and how many items have it."""

    value: str
    items: int


class ColumnValues(Shape):
    """Values of a column of the items table."""

    dataset: str
    column: str
    values: list[ColumnValue]

    model_config = _example(
        dataset="hm",
        column="product_type_name",
        values=[{"value": "Vest top", "items": 2991}],
    )


class Users(Shape):
    """Ids that begin alike."""

    dataset: str
    users: list[str]

    model_config = _example(dataset="hm", users=["123", "1234"])


class Evaluations(Shape):
    """Results of `recsys eval --json`, by file, newest first."""

    evaluations: list[dict[str, Any]]

    model_config = _example(evaluations=[{"file": "eval.json", "results": [{"dataset": "hm"}]}])


class Dataset(Shape):
    """What can be asked of a dataset."""

    users: int
    items: int
    strategies: list[str]
    similar_by: list[str]
    columns: list[str]
    encoders: dict[str, str]
    pictures: bool
    excludes_seen: bool


class Ready(Shape):
    """Whether answers can be had, and of what."""

    status: str
    loaded: str
    default_strategy: str
    default_k: int
    max_k: int
    summaries: dict[str, str]
    datasets: dict[str, Dataset]
    waiting: dict[str, str]
    pending: str | None


class Health(Shape):
    """That the process runs."""

    status: str
    version: str


class FieldProblem(Shape):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Problem(Shape):
    """What is wrong, and what to do about it."""

    error: str
    hint: str | None
    fields: list[FieldProblem] | None = None

    model_config = _example(
        error="query.top_k: Input should be greater than or equal to 1",
        hint=None,
        fields=[
            {
                "field": "query.top_k",
                "problem": "Input should be greater than or equal to 1",
            }
        ],
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The key is missing or wrong."},
    409: {"model": Problem, "description": "What this needs is not built or not configured."},
    413: {"model": Problem, "description": "The body is too large."},
    422: {"model": Problem, "description": "Something in the request is not valid; says what."},
    503: {"model": Problem, "description": "Busy; try again after Retry-After seconds."},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such user, item or dataset."}
}
