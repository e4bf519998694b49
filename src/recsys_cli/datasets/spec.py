"""What differs between datasets, as data.

Adapters say what their source is like, recsys.toml may override it, in `build_spec` alone, and
nothing past them branches on a dataset's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from recsys_cli.config.lengths import Days
from recsys_cli.errors import ArtifactError, Command, ConfigError, UnsafeWorkspaceError

if TYPE_CHECKING:
    from recsys_cli.config.models import DatasetConfig
    from recsys_cli.datasets.tables import Defaults


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
    value_column: str | None = None
    """What the raw files call the value of an event, such as price; None where it has none."""
    takes_back: bool = False
    """Whether a negative value is of pieces that were returned."""
    return_kinds: list[str] = []
    """Kinds of event that are returns alone, of whatever kind what is returned was."""
    truth_events: list[str]
    """Kinds of event that count as a hit in evaluation."""
    repurchase: bool
    """Whether an item that a user already has may be recommended again."""
    horizon_days: Days
    """Length of the evaluation window in days, a fraction where it is hours or minutes."""
    has_time: bool
    """Whether events carry a time; without it random pairs are what is learned and evaluated on."""
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

    @property
    def horizon(self) -> timedelta:
        """Length of the evaluation window."""
        return timedelta(seconds=round(self.horizon_days * 86_400) or 1)

    @property
    def worth(self) -> str:
        """What the value of an event is, in a word or two: price, rating, or just value."""
        from recsys_cli.datasets.guess import PRICES, bare, guess_first

        named = self.value_column
        if named is None:
            return "value"
        return "price" if guess_first([named], PRICES) else bare(named).replace("_", " ").lower()


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


def build_spec(
    name: str,
    config: DatasetConfig,
    defaults: Defaults,
    *,
    kinds: Sequence[str],
    value_column: str | None,
    return_kinds: Sequence[str],
    has_time: bool,
    item_columns: Sequence[str],
    user_columns: Sequence[str],
) -> DatasetSpec:
    """The spec of a dataset: the source's defaults under the config's settings.

    Args:
        name: the dataset's name.
        config: its section of recsys.toml.
        defaults: what the adapter says.
        kinds: kinds of event, in the order of their codes.
        value_column: raw column of the events' values, if there is one.
        return_kinds: kinds of event that are returns alone.
        has_time: whether events carry a time.
        item_columns: columns of the items table.
        user_columns: columns of the users table.

    Raises:
        ConfigError: a setting names a kind of event or a column that the data does not have.
    """
    weights = {kind: float(defaults.weights.get(kind, 1.0)) for kind in kinds}
    if config.weights is not None:
        _known(name, "weights", config.weights, kinds, "kinds of event")
        weights |= config.weights
    truth = config.truth_events if config.truth_events is not None else list(kinds)
    _known(name, "truth_events", truth, kinds, "kinds of event")

    def columns(setting: str, own: Sequence[str], known: Sequence[str]) -> list[str]:
        wanted: list[str] | None = getattr(config, setting)
        if wanted is None:
            return list(own)
        _known(name, setting, wanted, known, "columns")
        return wanted

    variant = config.variant_column or defaults.variant_column
    _known(name, "variant_column", [variant] if variant else [], item_columns, "columns")
    return DatasetSpec(
        name=name,
        source=config.source or name,
        kind=config.kind,
        events=list(kinds),
        weights=weights,
        value_as_weight=bool(config.value_as_weight),
        value_column=value_column,
        takes_back=config.returns == "subtract",
        return_kinds=list(return_kinds),
        truth_events=truth,
        repurchase=defaults.repurchase if config.repurchase is None else config.repurchase,
        horizon_days=config.horizon_days or defaults.horizon_days,
        has_time=has_time,
        text_columns=columns("text_columns", defaults.text_columns, item_columns),
        category_columns=columns("category_columns", defaults.category_columns, item_columns),
        variant_column=variant,
        segment_columns=columns("segment_columns", defaults.segment_columns, user_columns),
        user_columns=columns("user_columns", defaults.user_columns, user_columns),
        image_root=defaults.image_root,
    )


def _known(
    dataset: str, setting: str, wanted: Iterable[str], known: Sequence[str], what: str
) -> None:
    unknown = [w for w in wanted if w not in known]
    if unknown:
        raise ConfigError(
            f"[datasets.{dataset}] {setting} names {unknown}, which the data does not have",
            hint=f"{what}: {', '.join(known)}",
        )
