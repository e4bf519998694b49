"""Tables: aligned, as wide as they may be, and whole."""

from recsys_cli.cli.recommend import _brought
from recsys_cli.cli.tables import lines


def test_columns_are_aligned_and_numbers_stand_to_the_right():
    rows = [[1, "Strap top", None], [12, "日本", 0.5]]
    assert lines(["rank", "name", "score"], rows, width=80, right=["rank", "score"]) == [
        " rank   name        score",
        " ────────────────────────",
        "    1   Strap top",
        "   12   日本          0.5",
    ]


def test_what_is_too_wide_goes_on_below():
    made = lines(["a", "b"], [["x" * 30, "some words that go on"]], width=30, title="A title")
    assert made[0] == "A title"
    assert max(map(len, made)) <= 30
    assert "".join(line.split()[0] for line in made[3:] if "x" in line) == "x" * 30
    assert "words" in " ".join(made)


def test_a_table_may_be_empty():
    assert lines(["a", "bc"], [], width=80) == [" a   bc", " ──────"]


def test_reasons_of_one_name_are_told_together():
    because = [
        {"item": "1", "name": "Strap top", "share": 0.4},
        {"item": "9", "name": "Strap top", "share": 0.3},
        {"item": "2", "name": "Strap top", "share": 0.2},
        {"item": "3", "name": "", "share": 0.1},
    ]
    assert _brought("9", because) == ["2 × Strap top (60%)", "having had it (30%)", "3 (10%)"]
