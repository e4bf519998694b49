"""Which column plays which part, and which file holds what, from their names alone.

Names are compared in lower case without `_`, `-`, spaces and a RecBole type (`user_id:token`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recsys_cli.columns import EVENT, ITEM, TIME, USER, VALUE

# Tiers of names: the first tier with a match decides, and two matches in one tier are ambiguous
# for ids, while for times and values the earlier name wins.
USER_NAMES = (
    ("userid", "user", "uid", "visitorid", "visitor", "customerid", "customer", "clientid",
     "memberid", "accountid", "reviewerid", "buyerid", "shopperid", "personid"),
    ("sessionid", "session", "deviceid", "cookieid"),
)  # fmt: skip
ITEM_NAMES = (
    ("itemid", "item", "iid", "movieid", "productid", "product", "articleid", "asin", "sku",
     "bookid", "isbn", "trackid", "songid", "artistid", "businessid", "contentid", "videoid",
     "animeid", "gameid", "appid", "newsid", "recipeid", "courseid", "restaurantid"),
    ("parentasin", "movie", "book", "song", "track", "artist", "article", "game", "video"),
)  # fmt: skip
TIME_NAMES = (
    "timestamp", "datetime", "time", "date", "tdat", "eventtime", "eventdate", "createdat",
    "ts", "unixreviewtime", "unixtime", "reviewtime", "ratedat", "orderdate", "purchasedate",
)  # fmt: skip
EVENT_NAMES = (
    "event", "eventtype", "eventname", "action", "actiontype", "behavior", "behaviour",
    "behaviortype", "interaction", "interactiontype",
)  # fmt: skip
VALUE_NAMES = (
    "rating", "ratings", "score", "stars", "overall", "value", "quantity", "qty", "count",
    "plays", "weight", "price",
)  # fmt: skip
TITLE_NAMES = (
    "name", "title", "itemname", "movietitle", "productname", "productdisplayname", "prodname",
    "booktitle", "trackname", "songtitle", "artistname", "displayname",
)  # fmt: skip
IDS = {USER: USER_NAMES, ITEM: ITEM_NAMES}
OTHERS = {TIME: TIME_NAMES, EVENT: EVENT_NAMES, VALUE: VALUE_NAMES}
ROLES = (*IDS, *OTHERS)
_ALIKE = 0.9
SKIP = ""
"""Setting a column or a file to this means that there is none."""


class AmbiguousError(ValueError):
    """Several columns could play the part; they are the argument."""


def normal(name: str) -> str:
    """A column name reduced to what is compared."""
    return re.sub(r"[\s_\-.]", "", bare(name).lower())


def bare(name: str) -> str:
    """A column name without its RecBole type."""
    return name.partition(":")[0]


_NUMBER = re.compile(r"[+-]?[$€£]?\d[\d.,]*([eE][+-]?\d+)?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


def has_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a text file names its columns rather than being data.

    It does where a name is known. It does not where it holds a number or date above others of
    its kind, or a value that is there again below.
    """
    known = {name for names in (*USER_NAMES, *ITEM_NAMES, *OTHERS.values()) for name in names}
    if any(normal(cell) in known | set(TITLE_NAMES) for cell in first):
        return True
    for place, cell in enumerate(first):
        below = [row[place].strip() for row in rest if len(row) == len(first)]
        for kind in (_NUMBER, _DATE):
            alike = sum(kind.fullmatch(other) is not None for other in below)
            if kind.fullmatch(cell.strip()) and alike >= _ALIKE * max(len(below), 1):
                return False
        if cell.strip() and cell.strip() in below:
            return False
    return True


def guess_role(columns: Sequence[str], role: str) -> str | None:
    """The column for a role of the events; None without one.

    Raises:
        AmbiguousError: two columns could be the id of the user or the item.
    """
    if role in IDS:
        return guess_id(columns, IDS[role])
    return guess_first(columns, OTHERS[role])


def guess_id(columns: Sequence[str], tiers: Sequence[Sequence[str]]) -> str | None:
    """The one column named like an id of this kind; None without one.

    Raises:
        AmbiguousError: two columns could be it.
    """
    for tier in tiers:
        matches = [c for c in columns if normal(c) in tier]
        if len(matches) > 1:
            raise AmbiguousError(matches)
        if matches:
            return matches[0]
    return None


def guess_first(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column whose name comes first in `names`; None without a match."""
    ranked = {name: rank for rank, name in reversed(list(enumerate(names)))}
    matches = [c for c in columns if normal(c) in ranked]
    return min(matches, key=lambda c: ranked[normal(c)], default=None)


def has_role(columns: Sequence[str], role: str, asked: str | None) -> bool:
    """Whether any column is the one asked for, or named like one for this role."""
    tiers = IDS.get(role) or (OTHERS[role],)
    named = any(normal(c) in tier for c in columns for tier in tiers)
    return named or (asked or SKIP) in columns
