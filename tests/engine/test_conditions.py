"""What conditions on items mean, and what is said of those that make no sense."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from recsys_cli.cli.options import several_conditions
from recsys_cli.engine.conditions import mask_of, parsed
from recsys_cli.errors import UsageError

ITEMS = pl.DataFrame(
    {
        "colour": ["red", "blue", None, "black, dotted", "red in parts"],
        "brand": ["X", '"Y"', "Z", "Y", None],
        "price": [5.0, 20.0, None, float("nan"), 0.5],
        "stock": [1, 2, 3, None, 10],
        "asked": ["5", " 20 ", None, "0.5", ""],
        "id": ["0108", "108", "7", None, "0.50"],
        "day": [date(2020, 9, 15), date(2020, 9, 16), None, date(2021, 1, 1), date(1999, 1, 1)],
        "moment": [datetime(2020, 9, 15, h) for h in (0, 6, 12, 18)] + [None],
        "told": ["15/09/2020", "16/09/2020", None, "01/12/2021", "31/01/1999"],
        "sold": [True, False, None, True, False],
        "made in country": ["SE", "DE", "SE", None, "SE"],
        "a<b": ["1", "2", "3", "1", "2"],
        "a!": ["1", "2", "3", "1", "2"],
    }
)


def met(text: str) -> list[int]:
    condition = parsed(text, ITEMS.columns, dataset="shop")
    return np.flatnonzero(mask_of(condition, ITEMS[condition.column])).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("colour=red", [0]),
        ("colour!=red", [1, 3, 4]),
        ("colour in red,blue", [0, 1]),
        ("colour IN red , blue", [0, 1]),
        ("colour not in red,blue", [3, 4]),
        ('colour in red,"black, dotted"', [0, 3]),
        ("colour=black, dotted", [3]),
        ("colour = red", [0]),
        ("colour=red in parts", [4]),
        ("brand=Y", [3]),
        ('brand="Y"', [1]),
        ('brand="X"', [0]),
        ("price<20", [0, 4]),
        ("price<=20", [0, 1, 4]),
        ("price>0.5", [0, 1]),
        ("price >= 5", [0, 1]),
        ("price=20", [1]),
        ("price!=20", [0, 4]),
        ("stock=2.0", [1]),
        ("stock in 1,3", [0, 2]),
        ("asked<20", [0, 3]),
        ("asked>=20", [1]),
        ("id=108", [1]),
        ("id in 0108,7", [0, 2]),
        ("id!=108", [0, 2, 4]),
        ("id<=108", [0, 1, 2, 4]),
        ("day<2020-09-16", [0, 4]),
        ("day>=2020-09-16", [1, 3]),
        ("day=2020-09-16", [1]),
        ("moment>2020-09-15T06:00", [2, 3]),
        ("moment=2020-09-15T06:00Z", [1]),
        ("told<2020-09-16", [0, 4]),
        ("told=16/09/2020", [1]),
        ("sold=true", [0, 3]),
        ("sold=False", [1, 4]),
        ("sold!=true", [1, 4]),
        ("made in country=SE", [0, 2, 4]),
        ("made in country in DE", [1]),
        ("a<b=1", [0, 3]),
        ("a!=1", [0, 3]),
        ("'a<b'<2", [0, 3]),
        ('"a!"!=1', [1, 2, 4]),
    ],
)
def test_who_meets_a_condition(text, rows):
    assert met(text) == rows


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("price", "not of the form column=value", "'price<20'"),
        ("color=red", "no column 'color' (did you mean colour?)", "columns: colour, brand"),
        ("colour=rad", "no item has colour=rad; 1 item has no colour and never", "such as: red"),
        ("colour=rod", "(did you mean red?)", "such as: red"),
        ("colour<red", "colour holds what has no order, such as 'red'", "=, !=, in or not in"),
        ("sold<3", "sold holds what has no order, such as 'true'", "=, !=, in or not in"),
        ("price<cheap", "'cheap' is no number, and price holds numbers", "such as price<5.0"),
        ("price<nan", "'nan' is no number", "such as price<5.0"),
        ("asked<cheap", "'cheap' is no number", "such as asked<5"),
        ("day<someday", "'someday' is no date or time", "YYYY-MM-DD"),
        ("price>20", "no item has price>20; 2 items have no price", "price goes from 0.5 to 20"),
        ("colour in", "are expected after 'in'", "double quotes"),
        ("colour not in red,,blue", "are expected after 'not in'", "double quotes"),
        ('colour in "red', "are expected after 'in'", "double quotes"),
    ],
)
def test_what_is_said_of_a_condition_that_makes_no_sense(text, message, hint):
    with pytest.raises(UsageError) as caught:
        met(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.message.startswith("--where")


def test_several_conditions_may_follow_one_option():
    assert several_conditions(
        ["--user", "a=b", "--where", "price<20", "colour in red,blue", "-k", "3", "x=1"]
    ) == [
        "--user", "a=b", "--where", "price<20", "--where", "colour in red,blue", "-k", "3", "x=1",
    ]  # fmt: skip
    assert several_conditions(["--where", "a=1", "123"]) == ["--where", "a=1", "123"]
