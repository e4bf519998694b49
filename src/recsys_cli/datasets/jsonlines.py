"""Lines of flat JSON objects from arrays of them, and from objects in objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from recsys_cli.columns import ITEM
from recsys_cli.datasets.guess import has_named


def array_lines(file: BinaryIO, encoding: str | None) -> Iterator[bytes]:
    """The elements of a JSON array, one a line; those of the first bytes where it is cut off."""
    text = file.read().decode(encoding or "utf-8").lstrip("\ufeff \t\r\n").removeprefix("[")
    decode, at = json.JSONDecoder().raw_decode, 0
    while True:
        while at < len(text) and text[at] in ", \t\r\n":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        element, at = decode(text, at)
        yield json.dumps(element, ensure_ascii=False).encode() + b"\n"


def flattened(line: bytes) -> Iterator[bytes]:
    """An object without others in it: these become `outer.inner`, listed items a row each."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        yield line if line.endswith(b"\n") else line + b"\n"
        return
    flat, lists = _flat(record), [(k, v) for k, v in record.items() if _lists_items(v)]
    name, rows = lists[0] if lists else ("", [{}])
    for row in rows:
        inner = {f"{name}.{key}": value for key, value in _flat(row).items()}
        yield json.dumps(flat | inner, ensure_ascii=False).encode() + b"\n"


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": each for inner, each in _flat(value).items()}
        elif not (isinstance(value, list) and any(isinstance(each, dict) for each in value)):
            flat[key] = value
    return flat


def _lists_items(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and has_named(list(_flat(first)), ITEM)
