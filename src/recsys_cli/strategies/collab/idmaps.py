"""The numbering that factors from elsewhere were trained in.

`recsys als export` writes a small JSON file with the fingerprints of our own ids: factors
trained on that export carry our row numbers. Older scripts wrote `id_mappings_*.joblib`, plain
dicts from external id to number (or back, or a list of ids); factors trained on those are moved
to our rows through the external ids. So are those trained on what the Spark job `interactions`
wrote, a folder with users/, items/ and summary/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.columns import ITEM, USER
from recsys_cli.counted import counted
from recsys_cli.errors import Command, DataError
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import load_pack
from recsys_cli.strategies.collab.factor_files import part_files

_INTEGERS = (int, np.integer)
_SPARSE, _FEW = 100, 1_000_000
"""How far numbers may go beyond the number of ids, as a factor and for a few of them."""


@dataclass(frozen=True, slots=True)
class IdMap:
    """What an id map file says.

    Attributes:
        path: the file, for messages.
        fingerprints: of the users and of the items, where it has them.
        numbers: by "user" and "item", each external id's number, where it lists them.
        reference: seconds since 1970 before which the events lie that were exported with it,
            where it says so.
    """

    path: Path
    fingerprints: tuple[str, str] | None
    numbers: Mapping[str, Mapping[str, int]]
    reference: int | None = None

    @classmethod
    def load(cls, path: Path) -> IdMap:
        """Read a .json or .joblib file, without running anything it holds, or a job's folder.

        Raises:
            DataError: it has neither fingerprints nor both mappings.
            ArtifactError, UnsafePackError: see `load_pack`.
        """
        if path.is_dir():
            return cls._of_job(path)
        content = _load_json(path) if path.suffix == ".json" else load_pack(path, mmap=False)
        prints = content.get("users_fingerprint"), content.get("items_fingerprint")
        fingerprints = (str(prints[0]), str(prints[1])) if all(prints) else None
        numbers = {}
        if fingerprints is None:
            for what in ("user", "item"):
                numbers[what] = _find_mapping(path, content, what)
        reference = content.get("reference")
        # Events without times are exported with 0, which says nothing about when they were.
        known = int(reference) if isinstance(reference, _INTEGERS) and reference > 0 else None
        return cls(path, fingerprints, numbers, known)

    @classmethod
    def _of_job(cls, folder: Path) -> IdMap:
        """What spark/interactions.py wrote."""
        numbers = {what: _read_numbers(folder / f"{what}s", what) for what in (USER, ITEM)}
        lines = [file.read_text() for file in part_files(folder / "summary", (".txt",))]
        try:
            reference = int(json.loads("".join(lines))["reference"])
        except (ValueError, LookupError, TypeError, RecursionError):
            raise DataError(f"{folder / 'summary'} is not what the job writes") from None
        return cls(folder, None, numbers, reference or None)

    def check(self, users: str, items: str) -> None:
        """Refuse fingerprints other than ours."""
        if self.fingerprints is None or self.fingerprints == (users, items):
            return
        different = [
            what
            for what, theirs, ours in zip(
                ("users", "items"), self.fingerprints, (users, items), strict=True
            )
            if theirs != ours
        ]
        raise DataError(
            f"{self.path} was exported from other {' and '.join(different)} than are ingested now",
            hint=(Command("als", "export"), ", then train on that"),
        )

    def rows(self, what: str, ids: IdTable) -> npt.NDArray[np.int64] | None:
        """Our row of each of their numbers, -1 where we lack the id; None where they are ours."""
        if what not in self.numbers:
            return None
        ours = {external: row for row, external in enumerate(ids.to_list())}
        numbers = np.fromiter(self.numbers[what].values(), np.int64)
        rows = np.full(int(numbers.max(initial=-1)) + 1, -1, np.int64)
        rows[numbers] = [ours.get(external, -1) for external in self.numbers[what]]
        return rows


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not an object")
    return content


def _read_numbers(folder: Path, what: str) -> dict[str, int]:
    import polars as pl

    try:
        table = pl.read_parquet(part_files(folder, (".parquet",)), columns=[what, "id"])
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{folder} cannot be read: {error}") from None
    mapping = dict(zip(table[what].to_list(), table["id"].to_list(), strict=True))
    _check_numbers(folder, "id", mapping)
    return mapping


def _find_mapping(path: Path, content: Mapping[str, Any], what: str) -> dict[str, int]:
    """The mapping of `what`, whatever its name: user2id, user_map, users or idx_to_user."""
    named = {name: value for name, value in content.items() if what in name.lower()}
    # A dict of strings may also hold names, so numbers are preferred.
    for is_mapping in (_is_forward, _is_backward, _is_list):
        for name, value in named.items():
            if is_mapping(value):
                mapping = _forward(value)
                _check_numbers(path, name, mapping)
                return mapping
    raise DataError(
        f"{path} has no mapping of {what}s; it holds {', '.join(map(str, content)) or 'nothing'}",
        hint='expected dicts such as {"user2id": {"<id>": 0, …}, "item2id": {…}}',
    )


def _is_forward(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(number, _INTEGERS) for number in value.values()
    )


def _is_backward(value: Any) -> bool:
    return isinstance(value, dict) and any(str(key).isdigit() for key in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray)) and len(value) > 0


def _forward(mapping: Any) -> dict[str, Any]:
    """External id to number, from either direction or from a list in the order of the numbers."""
    if not isinstance(mapping, dict):
        return {str(external): number for number, external in enumerate(mapping)}
    if _is_forward(mapping):
        return {str(external): number for external, number in mapping.items()}
    # JSON turns the numbers, which are its keys, into strings.
    return {
        str(external): int(number) if str(number).isdigit() else number
        for number, external in mapping.items()
    }


def _check_numbers(path: Path, name: str, mapping: dict[str, Any]) -> None:
    for external, number in mapping.items():
        if isinstance(number, bool) or not isinstance(number, _INTEGERS) or number < 0:
            raise DataError(f"{path}: {name} gives {external!r} the number {number!r}")
    if len(set(mapping.values())) != len(mapping):
        raise DataError(f"{path}: {name} gives several ids the same number")
    largest = max(mapping.values(), default=0)
    if largest > _SPARSE * len(mapping) + _FEW:
        held = counted(len(mapping), "ids")
        raise DataError(f"{path}: {name} has {held}, and numbers up to {largest:,}")
