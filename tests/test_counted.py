"""Counts in messages agree with what is counted."""

import re
from pathlib import Path

import pytest

import recsys_cli
from recsys_cli.counted import counted

SOURCE = Path(recsys_cli.__file__).parent
BARE = re.compile(r"\{(len\([^{}]*|[^{}]*:,)\} ([a-z-]+ ){0,2}[a-z]+s\b")
"""A number in a text, and what there are of it in the plural."""
NEVER_ONE = (
    "bytes",
    "pixels",
    "kinds of event",
    "windows of",
    "runtimes",
    "paths)} files",
    "times",
)
"""Limits, and what is only said of several."""


@pytest.mark.parametrize(
    ("count", "plural", "expected"),
    [
        (2, "rows without a time", "2 rows without a time"),
        (1, "rows without a time", "1 row without a time"),
        (0, "rows", "0 rows"),
        (1200, "rows", "1,200 rows"),
        (1, "rows that are not UTF-8", "1 row that is not UTF-8"),
        (1, "users have no events", "1 user has no events"),
        (1, "rows repeat another: all kept", "1 row repeats another: all kept"),
        (1, "negative values, kept", "1 negative value, kept"),
        (1, "item ids with spaces around them", "1 item id with spaces around them"),
    ],
)
def test_one_is_singular(count, plural, expected):
    assert counted(count, plural) == expected


def test_every_message_that_counts_says_one_of_one():
    told = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BARE.search(line) and not any(word in line for word in NEVER_ONE)
        if "ValueError" not in line
    ]
    assert told == []
