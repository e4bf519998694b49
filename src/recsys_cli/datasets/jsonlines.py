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
    for row in _rows(record):
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of an object: one for each item of the first list of items in it, however deep."""
    flat: dict[str, Any] = {}
    listed: list[dict[str, Any]] = []
    for key, value in record.items():
        if isinstance(value, dict):
            inner = _rows(value)
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            inner = [row for each in value if isinstance(each, dict) for row in _rows(each)]
            inner = [row for row in inner if has_named(list(row), ITEM)]
        else:
            flat[key] = value
            continue
        named = [{f"{key}.{name}": each for name, each in row.items()} for row in inner]
        if isinstance(value, dict) and len(named) == 1:
            flat |= named[0]
        elif named and not listed:
            listed = named
    return [flat | row for row in listed] or [flat]
