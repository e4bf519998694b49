"""Changes to the files of a workspace, each decided by a seeded random generator."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsys_cli.store.files import sha256
from recsys_cli.store.packs import load_pack, save_pack

Mutation = Callable[[Path, random.Random], None]
ODD: list[Any] = [
    None, True, -1, 0, 1e308, -1e308, 2**70, "", "x", "../../etc/passwd", "/etc/passwd", [], {},
    [[[[[[]]]]]], {"a": {"b": {}}}, "\ud800", "\0", 3.5, [1, "x"], "NaN", "é" * 300,
]  # fmt: skip


def raw(path: Path, rng: random.Random) -> None:
    """Change bytes, cut, insert or repeat some, whatever the file is."""
    data = bytearray(path.read_bytes())
    kind = rng.randrange(7)
    at = rng.randrange(len(data) + 1)
    span = rng.choice([1, 4, 64, 4096])
    if kind == 0 and data:
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at : at + span] = bytes(min(span, len(data) - at))
    elif kind == 3:
        data[at:at] = rng.randbytes(span)
    elif kind == 4:
        del data[at : at + span]
    elif kind == 5:
        data[at:at] = data[max(at - span, 0) : at]
    else:
        # Headers and trailers say most about a file.
        for _ in range(4):
            place = rng.randrange(min(len(data), 200)) if data else 0
            place = place if rng.random() < 0.5 else max(len(data) - 1 - place, 0)
            data[place : place + 1] = bytes([rng.randrange(256)])
    path.write_bytes(bytes(data))


def of_pack(path: Path, rng: random.Random) -> None:
    """Change a value of a pack in a way that leaves it a pack."""
    pack = {
        name: np.array(value) if isinstance(value, np.ndarray) else value
        for name, value in load_pack(path, mmap=False).items()
    }
    if not pack:
        pack["x"] = 1
    name = rng.choice(sorted(pack))
    value = pack[name]
    if rng.random() < 0.15:
        _change_keys(pack, name, rng)
    elif isinstance(value, np.ndarray):
        pack[name] = _other_array(value, rng)
    else:
        pack[name] = rng.choice([odd for odd in ODD if odd != "\ud800"])
    save_pack(path, pack)


def _change_keys(pack: dict[str, Any], name: str, rng: random.Random) -> None:
    other = rng.choice(sorted(pack))
    kind = rng.randrange(4)
    if kind == 0:
        del pack[name]
    elif kind == 1:
        pack[name + "x"] = pack.pop(name)
    elif kind == 2:
        pack[name], pack[other] = pack[other], pack[name]
    else:
        pack["extra"] = [1, 2]


def _other_array(  # noqa: PLR0911  (one way after the other)
    array: np.ndarray, rng: random.Random
) -> np.ndarray:
    kind = rng.randrange(12)
    if kind == 0:
        return array[::-1].copy()
    if kind == 1:
        return array[: len(array) // 2].copy()
    if kind == 2:
        return np.concatenate([array, array])
    if kind == 3:
        return array.astype(rng.choice(["f8", "i8", "u1", "f4", "i2"]))
    if kind == 4:
        return array.T.copy() if array.ndim > 1 else array[:, None].copy()
    if kind == 5:
        return np.zeros_like(array)
    if kind == 6:
        return array.astype(array.dtype.newbyteorder(">"))
    if kind == 7:
        return array[:0].copy()
    if not array.size:
        return np.ones(3, array.dtype)
    flat = array.reshape(-1)
    at = rng.randrange(len(flat))
    if array.dtype.kind == "f":
        flat[at] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, -1.0])
    elif array.dtype.kind == "b":
        flat[at] = not flat[at]
    else:
        bounds = np.iinfo(array.dtype)
        choices = [bounds.max, bounds.min, 0, len(flat), 10**6, -1]
        flat[at] = np.array(rng.choice([v for v in choices if bounds.min <= v <= bounds.max]))
    return array


def of_json(path: Path, rng: random.Random) -> None:
    """Change one value of a JSON file, or its structure."""
    value = json.loads(path.read_text())
    if rng.random() < 0.08:
        path.write_text(rng.choice(["", "{", "[]", "3", "null", "[" * 200_000, '{"a":1}', "NaN"]))
        return
    places = list(_places(value))
    if places:
        holder, key = rng.choice(places)
        kind = rng.randrange(4)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        elif kind == 2:
            holder[key] = [copy.deepcopy(holder[key])]
        else:
            holder[key] = rng.choice(ODD)
    path.write_text(json.dumps(value))


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def of_table(path: Path, rng: random.Random) -> None:
    """Change a Parquet table in a way that leaves it one."""
    table = pl.read_parquet(path)
    column = rng.choice(table.columns)
    kind = rng.randrange(7)
    if kind == 0:
        table = table.reverse()
    elif kind == 1:
        table = table.drop(column)
    elif kind == 2:
        table = table.head(len(table) // 2)
    elif kind == 3:
        table = table.with_columns(pl.lit(None).alias(column))
    elif kind == 4:
        table = table.with_columns(pl.lit(rng.choice(["x", "/etc/passwd"])).alias(column))
    elif kind == 5:
        table = table.with_columns(pl.lit(rng.choice([-1, 2**31 - 1, 0])).alias(column))
    else:
        table = table.rename({column: f"{column}x"})
    table.write_parquet(path)


def of_lines(path: Path, rng: random.Random) -> None:
    """Change a line of a text file."""
    lines = path.read_text().split("\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif kind == 2:
        words = lines[at].split(" ")
        words[rng.randrange(len(words))] = rng.choice(["-1", "nan", "1e999", "x", "99999999999"])
        lines[at] = " ".join(words)
    elif kind == 3:
        lines[at] = lines[at][: len(lines[at]) // 2]
    else:
        name, _, _ = lines[at].partition("=")
        lines[at] = f"{name}={rng.choice(['-1', '0', '2000000000', 'x', ''])}"
    path.write_text("\n".join(lines))


BY_SUFFIX: dict[str, list[Mutation]] = {
    ".joblib": [of_pack, of_pack, of_pack, raw],
    ".json": [of_json, of_json, raw],
    ".parquet": [of_table, raw],
    ".txt": [of_lines, raw],
}


def mutate(path: Path, rng: random.Random) -> None:
    """Change a file in one of the ways that its kind allows."""
    rng.choice(BY_SUFFIX.get(path.suffix, [raw]))(path, rng)


def vouch(root: Path, path: Path) -> None:
    """Have the manifest that describes a file describe it as it is now, as a stranger would."""
    name, stat = path.relative_to(root).as_posix(), path.stat()
    for manifest in (root / "artifacts").rglob("manifests/*.json"):
        record = json.loads(manifest.read_text())
        if name in record["outputs"]:
            record["outputs"][name] = {
                "sha256": sha256(path),
                "bytes": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
            }
            manifest.write_text(json.dumps(record))


def disguise(path: Path, before: os.stat_result) -> None:
    """Give a file the size, where that is easy, and the time that it had."""
    data = path.read_bytes()
    if len(data) != before.st_size:
        path.write_bytes(data[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
