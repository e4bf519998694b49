"""Counts in messages agree with what is counted."""

import pytest

from recsys_cli.counted import counted


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
