"""How the report words what it shows."""

import math

import pytest

from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.groups import MAIN_GROUPS
from recsys_cli.evaluation.report import wording


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "a is"),
        (["a", "b"], "a and b are"),
        (["a", "b", "c"], "a, b and c are"),
    ],
)
def test_one_is_and_several_are(names, said):
    assert wording.who(names) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "better"),
        (-0.2, -0.01, "worse"),
        (-0.1, 0.1, "within noise"),
        (math.nan, math.nan, ""),
    ],
)
def test_a_difference_counts_where_its_interval_leaves_zero_out(low, high, said):
    assert wording.verdict(Interval((low + high) / 2, low, high)) == said


def test_titles():
    assert [wording.metric(name) for name in ("ndcg", "recall")] == ["NDCG", "Recall"]
    assert len({wording.group(name) for name in MAIN_GROUPS} - {""}) == len(MAIN_GROUPS)
    assert wording.group("club_member_status=ACTIVE") == "ACTIVE"
    assert wording.column("club_member_status") == "Club member status"
    assert wording.column("history") == "Items before the test"
