"""The shapes of lists, of the server's own state and of problems, for the API's description.

Lists are those of the command line's `--json`; see `lookups` for what is looked up.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from recsys_cli.config.rules import RulesConfig


class ApiShape(BaseModel):
    """Base of all shapes."""

    model_config = ConfigDict(extra="forbid")


class Listed(ApiShape):
    """One item of a list."""

    rank: int
    item: str
    score: float
    name: str
    sources: list[str]
    dataset: str | None = None
    explanation: dict[str, Any] | None = None
    matched: list[str] | None = None


STRAP_TOP = {"item": "0108775015", "name": "Strap top"}
_BY_COLLAB = {
    "rank": 1,
    "item": "0108775015",
    "score": 0.93,
    "name": "Strap top",
    "sources": ["collab"],
}
_BY_CONTENT = _BY_COLLAB | {"sources": ["content"]}


def example(**fields: Any) -> ConfigDict:
    """Settings of a shape with an example of it."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Recommended(ApiShape):
    """As `recsys recommend --json`, with an id that events can name.

    `live` counts the events since the build that were used; null where they could not be read.
    `rules` are those that changed the list.
    """

    user: str | None
    dataset: str
    strategy: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]
    request_id: str
    ranked_by: str | None = None
    live: int | None = None
    rules: list[str] = []
    unknown: list[str] | None = None

    model_config = example(
        user="123",
        dataset="hm",
        strategy="collab",
        strategy_used="collab",
        fallback_reason=None,
        items=[_BY_COLLAB],
        request_id="6f1c2b7e9a3d4c55b1f0c9d2e8a7b6c4",
    )


class RulesThere(ApiShape):
    """The rules of a dataset's lists: their names, as values, and as lines of recsys.toml."""

    dataset: str
    names: list[str]
    rules: RulesConfig
    toml: str


class Previewed(Recommended):
    """A list under the rules that were asked with, and these as lines of recsys.toml."""

    toml: str


class SimilarItems(ApiShape):
    """As `recsys similar --json`."""

    item: str
    dataset: str
    strategy_used: str | None
    fallback_reason: str | None
    rules: list[str] = []
    items: list[Listed]
    request_id: str

    model_config = example(
        item="0108775015",
        dataset="hm",
        strategy_used="content",
        fallback_reason=None,
        items=[_BY_CONTENT | {"item": "0108775044"}],
        request_id="6f1c2b7e9a3d4c55b1f0c9d2e8a7b6c4",
    )


class Found(ApiShape):
    """As `recsys search --json`.

    `understood` are words of the query that catalogue columns have, with the values that they stand
    for, and `matched` of each item those that it has.
    """

    query: str
    dataset: str
    strategy_used: str | None
    fallback_reason: str | None
    understood: dict[str, list[str]] | None = None
    items: list[Listed]
    request_id: str

    model_config = example(
        query="red dress",
        dataset="hm",
        strategy_used="content",
        fallback_reason=None,
        items=[_BY_CONTENT | {"dataset": "hm"}],
        request_id="6f1c2b7e9a3d4c55b1f0c9d2e8a7b6c4",
    )


class Ranked(ApiShape):
    """A catalogue in order; `left_out` are ids of entries that cannot be ranked."""

    dataset: str
    strategy: str
    strategy_used: str | None
    fallback_reason: str | None
    items: list[Listed]
    left_out: list[str]
    request_id: str

    model_config = example(
        dataset="hm",
        strategy="content",
        strategy_used="content",
        fallback_reason=None,
        items=[_BY_CONTENT | {"item": "A-1", "name": "red summer dress"}],
        request_id="6f1c2b7e9a3d4c55b1f0c9d2e8a7b6c4",
        left_out=["C-3"],
    )


class Embedded(ApiShape):
    """The vector of a picture."""

    dataset: str
    encoder: str
    dim: int
    vector: list[float]

    model_config = example(dataset="hm", encoder="histogram@553aa5e06749", dim=2, vector=[0.6, 0.8])


class Dataset(ApiShape):
    """What can be asked of a dataset, such as the words in `examples`, and when it was built.

    `ruled` says whether its lists are under rules.
    """

    users: int
    items: int
    strategies: list[str]
    strategy: str
    similar_by: list[str]
    columns: list[str]
    encoders: dict[str, str]
    examples: list[str]
    built: str | None
    pictures: bool
    excludes_seen: bool
    ruled: bool


class Ready(ApiShape):
    """Whether answers can be had, and of what.

    `problems` are of strategies that could not be loaded, `waiting` of datasets; `pending` is why
    a newer build is not in use, and `failed` the same where it is not just under way. `live` says
    whether events are taken.
    """

    status: str
    loaded: str
    default_strategy: str
    default_k: int
    max_k: int
    summaries: dict[str, str]
    datasets: dict[str, Dataset]
    problems: dict[str, dict[str, str]]
    waiting: dict[str, str]
    pending: str | None
    failed: str | None
    live: bool


class Health(ApiShape):
    """That the process runs."""

    status: str
    version: str


_TOO_SMALL = "Input should be greater than or equal to 1"


class FieldProblem(ApiShape):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Problem(ApiShape):
    """What is wrong, and what to do about it."""

    error: str
    hint: str | None
    fields: list[FieldProblem] | None = None

    model_config = example(
        error=f"query.top_k: {_TOO_SMALL}",
        hint=None,
        fields=[{"field": "query.top_k", "problem": _TOO_SMALL}],
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
