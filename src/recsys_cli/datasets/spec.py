"""What differs between datasets, as data.

Adapters return a spec, and nothing past them branches on a dataset's name.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, FiniteFloat, PositiveInt, ValidationError

from recsys_cli.errors import ArtifactError, Command, UnsafeWorkspaceError


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
    weights: dict[str, FiniteFloat]
    """Training weight of each kind of event."""
    value_as_weight: bool = False
    """Whether an event's weight is multiplied by its value."""
    truth_events: list[str]
    """Kinds of event that count as a hit in evaluation."""
    repurchase: bool
    """Whether an item that a user already has may be recommended again."""
    horizon_days: PositiveInt
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


def picture_folder(spec: DatasetSpec, workspace: Path, named: str | None) -> Path | None:
    """The folder that the items' pictures lie in; None where they have none.

    Args:
        spec: of the dataset.
        workspace: the workspace.
        named: path of the dataset in recsys.toml; None where it is not there.

    Raises:
        UnsafeWorkspaceError: the folder is neither in the workspace nor what recsys.toml names.
    """
    if spec.image_root is None:
        return None
    folder = workspace / spec.image_root
    may_be = [workspace, *([workspace / named] if named is not None else [])]
    if not any(folder.resolve().is_relative_to(root.resolve()) for root in may_be):
        raise UnsafeWorkspaceError(
            f"the pictures of {spec.name} would be read from {folder}, which is neither in the "
            "workspace nor what recsys.toml names",
            hint=Command("ingest", "--dataset", spec.name),
        )
    return folder


def read_spec(path: Path) -> DatasetSpec:
    """The spec in a file.

    Raises:
        ArtifactError: it is not one.
    """
    try:
        return DatasetSpec.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(
            f"{path} does not describe a dataset: {where} {first['msg']}",
            hint=Command("ingest"),
        ) from None
