"""What differs between datasets, as data.

Adapters return a spec, and nothing past them branches on a dataset's name.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class DatasetSpec(BaseModel):
    """Facts about one ingested dataset, written beside its tables as spec_<name>.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name in recsys.toml; part of every artifact's file name."""
    source: str
    """Short tag that keeps items of different datasets apart."""
    kind: str
    """Adapter that made it."""
    events: list[str]
    """Kinds of event; the `event` column of the events table holds positions in this list."""
    weights: dict[str, float]
    """Training weight of each kind of event."""
    value_as_weight: bool = False
    """Whether an event's weight is multiplied by its value."""
    truth_events: list[str]
    """Kinds of event that count as a hit in evaluation."""
    repurchase: bool
    """Whether an item that a user already has may be recommended again."""
    horizon_days: int
    """Length of the evaluation window in days."""
    has_time: bool
    """Whether events carry a time; without it only given truth files can be evaluated on."""
    text_columns: list[str] = []
    """Item columns that make up an item's text, in order."""
    category_columns: list[str] = []
    """Item columns that are categories."""
    variant_column: str | None = None
    """Item column that is the same for variants of one product, such as its colours."""
    segment_columns: list[str] = []
    """User columns whose groups get their own popularity list and evaluation rows."""
    user_columns: list[str] = []
    """User columns with few values that say something about taste."""
    image_root: str | None = None
    """Folder that the items' `image` paths are relative to, relative to the workspace."""
