"""Tables: aligned, as wide as they may be, and whole."""

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
