"""Ids that were meant by others."""

import pytest

from recsys_cli.store.idtable import IdTable

TABLE = IdTable.from_strings(["000101", "Ab-1", "xy", "7", "00", "é1", "McX", " q "])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("101", "000101"),
        ("0000101", "000101"),
        ("07", "7"),
        ("0", "00"),
        (" xy ", "xy"),
        ("XY", "xy"),
        ("AB-1", "Ab-1"),
        ("ab-1", "Ab-1"),
        ("É1", "é1"),
        ("aB-1", "Ab-1"),
        ("mCx", "McX"),
        ("00MCX", "McX"),
        ("a b - 1", "Ab-1"),
        ("Q", " q "),
        ("x", None),
        ("102", None),
        ("", None),
        ("xyz", None),
    ],
)
def test_ids_that_differ_in_zeros_or_case_are_found(given, meant):
    assert TABLE.alike(given) == meant


def test_an_empty_table_has_none():
    assert IdTable.from_strings([]).alike("1") is None
