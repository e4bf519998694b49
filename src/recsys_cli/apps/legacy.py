"""Writes current artifacts under the names and schemas that older scripts read.

Every file is a view of current data with external ids: tables as Parquet, interactions and
factors as CSV, mappings and vectors as plain dicts in joblib files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.columns import EVENT, IMAGE, ITEM, TIME, USER, VALUE
from recsys_cli.errors import ArtifactError, Command, UsageError
from recsys_cli.store.files import atomic_path
from recsys_cli.store.packs import save_pack
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

_INTERACTIONS, _FACTORS = "interactions", "als"
_EMBEDDINGS = ("text_embeddings", "image_embeddings")
_CONTENT, _USER_VECTORS = "content", "user_vectors"


def export_legacy(workspace: Workspace, datasets: Sequence[str], *, out: Path) -> Iterator[Path]:
    """Write the old files below `out` (artifacts/ and data/mahout/), yielding each path.

    Args:
        workspace: where the current artifacts are.
        datasets: names to export; the combined tables hold exactly these.
        out: target folder, which must not be the workspace itself.

    Raises:
        UsageError: `out` is the workspace, whose own als_*.joblib would be overwritten.
        ArtifactError: a dataset has not been ingested, or ingested again since its other
            artifacts were made; nothing has been written then.
    """
    if out.resolve() == workspace.root.resolve():
        raise UsageError(
            "--out is the workspace itself", hint="name another folder, such as legacy/"
        )
    missing = [d for d in datasets if not workspace.path("spec", d).exists()]
    if missing:
        raise ArtifactError(
            f"{missing[0]} has not been ingested", hint=Command("ingest", "--dataset", missing[0])
        )
    opened = [Artifacts(workspace, dataset) for dataset in datasets]
    for artifacts in opened:
        _refuse_other_ids(artifacts)
    yield from _tables(opened, out / "artifacts")
    yield from _embeddings(opened, out / "artifacts")
    for artifacts in opened:
        yield from _content(artifacts, out / "artifacts")
        yield from _interactions(artifacts, out / "data" / "mahout")
        yield from _factors(artifacts, out / "artifacts")


def id_mappings(artifacts: Artifacts) -> dict[str, Any]:
    """The old mapping file: dicts from external id to row, both ways, for users and items."""
    users, items = artifacts.users.to_list(), artifacts.items.to_list()
    return {
        "user_to_idx": {external: row for row, external in enumerate(users)},
        "item_to_idx": {external: row for row, external in enumerate(items)},
        "idx_to_user": users,
        "idx_to_item": items,
    }


def _refuse_other_ids(artifacts: Artifacts) -> None:
    for kind in (_INTERACTIONS, _FACTORS, *_EMBEDDINGS, _CONTENT, _USER_VECTORS):
        if artifacts.has(kind):
            artifacts.pack(kind)


def _external_events(artifacts: Artifacts) -> pl.LazyFrame:
    """Events with external ids, in event order."""
    import polars as pl

    spec = artifacts.spec
    users = pl.Series(artifacts.users.to_list(), dtype=pl.String)
    items = pl.Series(artifacts.items.to_list(), dtype=pl.String)
    kinds = pl.Series(spec.events, dtype=pl.String)

    def externalise(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "user_id": users.gather(frame[USER]),
                "item_id": items.gather(frame[ITEM]),
                "timestamp": frame[TIME],
                "event": kinds.gather(frame[EVENT].cast(pl.UInt32)),
                "value": frame[VALUE],
                "source": pl.repeat(spec.source, len(frame), eager=True),
            }
        )

    schema = {
        "user_id": pl.String(),
        "item_id": pl.String(),
        "timestamp": pl.Datetime("ms"),
        "event": pl.String(),
        "value": pl.Float32(),
        "source": pl.String(),
    }
    events = pl.scan_parquet(_table(artifacts, "events"))
    return events.map_batches(externalise, schema=schema, streamable=True)


def _table(artifacts: Artifacts, kind: str) -> Path:
    return artifacts.workspace.file(kind, artifacts.dataset)


def _tables(opened: Sequence[Artifacts], folder: Path) -> Iterator[Path]:
    import polars as pl

    frames = [_external_events(artifacts) for artifacts in opened]
    named = [(f"events_{a.dataset}.parquet", f) for a, f in zip(opened, frames, strict=True)]
    items = [pl.scan_parquet(_table(a, "items")).rename({ITEM: "item_id"}) for a in opened]
    named.append(("events.parquet", pl.concat(frames)))
    named.append(("items.parquet", pl.concat([_strings(i) for i in items], how="diagonal")))
    for name, frame in named:
        yield written(folder / name, frame.sink_parquet)


def _strings(items: pl.LazyFrame) -> pl.LazyFrame:
    """Items of all datasets share a table, so columns that only look alike become text."""
    import polars as pl

    keep = {"item_id", "source", "name", IMAGE, "in_catalogue"}
    return items.with_columns(pl.exclude(keep).cast(pl.String))


def _interactions(artifacts: Artifacts, folder: Path) -> Iterator[Path]:
    if not artifacts.has(_INTERACTIONS):
        return
    from recsys_cli.events.interactions import Interactions

    interactions = Interactions.from_pack(artifacts.pack(_INTERACTIONS))
    table = interactions.to_frame()
    yield written(folder / f"interactions_{artifacts.dataset}.csv", table.write_csv)
    yield saved(folder / f"id_mappings_{artifacts.dataset}.joblib", id_mappings(artifacts))


def _factors(artifacts: Artifacts, folder: Path) -> Iterator[Path]:
    if not artifacts.has(_FACTORS):
        return
    als, dataset = artifacts.pack(_FACTORS), artifacts.dataset
    users, items = artifacts.users.to_list(), artifacts.items.to_list()
    model = {
        "user_factors": als["user_factors"],
        "item_factors": als["item_factors"],
        "user_ids": users,
        "item_ids": items,
    }
    names = [f"als_{dataset}", f"collab_model_{dataset}"]
    if artifacts.spec.kind == "hm":
        names.append("hm_collab_model")
    for name in names:
        yield saved(folder / f"{name}.joblib", model)
    for side, external in ((USER, users), (ITEM, items)):
        factors, known = als[f"{side}_factors"], als[f"{side}_known"]
        vectors = _by_id(external, factors, known)
        yield saved(folder / f"{side}_vectors_mahout_{dataset}.joblib", vectors)
        table = factors_frame(factors, known)
        yield written(folder / f"{side}_factors_{dataset}.csv", table.write_csv)


def _embeddings(opened: Sequence[Artifacts], folder: Path) -> Iterator[Path]:
    """Vectors of all datasets' items by external id; of equal ids, the last dataset's."""
    for kind in _EMBEDDINGS:
        vectors: dict[str, Any] = {}
        for artifacts in opened:
            if artifacts.has(kind):
                pack = artifacts.pack(kind)
                vectors |= _by_id(artifacts.items.to_list(), pack["vectors"], pack["has"])
        if vectors:
            yield saved(folder / f"{kind}.joblib", vectors)


def _content(artifacts: Artifacts, folder: Path) -> Iterator[Path]:
    dataset = artifacts.dataset
    if artifacts.has(_CONTENT):
        pack = artifacts.pack(_CONTENT)
        items = {"item_ids": artifacts.items.to_list(), "vectors": pack["vectors"]}
        yield saved(folder / f"faiss_items_{dataset}.joblib", items)
    if artifacts.has(_USER_VECTORS):
        pack = artifacts.pack(_USER_VECTORS)
        vectors = _by_id(artifacts.users.to_list(), pack["vectors"], pack["known"])
        yield saved(folder / f"user_vectors_{dataset}.joblib", vectors)


def _by_id(
    ids: Sequence[str], vectors: npt.NDArray[np.floating], known: npt.NDArray[np.bool_]
) -> dict[str, list[float]]:
    """Vectors of the known rows as plain lists by external id."""
    return {ids[row]: vectors[row].tolist() for row in known.nonzero()[0].tolist()}


def written(path: Path, write: Callable[[Path], object]) -> Path:
    """`path`, once `write` has written the file that appears there when it is complete."""
    with atomic_path(path) as temporary:
        write(temporary)
    return path


def saved(path: Path, pack: dict[str, Any]) -> Path:
    """`path`, once there is a pack in it."""
    return written(path, lambda temporary: save_pack(temporary, pack))


def factors_frame(factors: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Factors (n, f) of the known rows as the columns id, f0, f1 and so on."""
    import numpy as np
    import polars as pl

    rows = np.flatnonzero(known).astype(np.int32)
    columns = {f"f{j}": np.ascontiguousarray(factors[rows, j]) for j in range(factors.shape[1])}
    return pl.DataFrame({"id": rows, **columns})
