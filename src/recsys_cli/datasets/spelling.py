"""Ids that are spelled in several ways and are one all the same: which they are, and one way."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from recsys_cli.config.models import IdRule
from recsys_cli.counted import counted
from recsys_cli.datasets.findings import Findings

_INVISIBLE = "\u00a0\u2007\u202f\u200b\u200c\u200d\u2060\ufeff"
SPACES = " \t\r\n" + _INVISIBLE
"""What may stand around an id unseen."""


def normalised(ids: pl.Expr, rules: Collection[IdRule]) -> pl.Expr:
    """Ids spelled in one way, as far as the rules say."""
    if "unicode" in rules:
        ids = ids.str.normalize("NFC")
    if "spaces" in rules:
        ids = ids.str.replace_all(f"[{_INVISIBLE[3:]}]", "").str.strip_chars(SPACES)
    if "decimals" in rules:
        ids = ids.str.replace(r"^(\d+)\.0+$", "$1")
    if "case" in rules:
        ids = ids.str.to_lowercase()
    if "zeros" in rules:
        ids = ids.str.replace(r"^0+(\d)", "$1")
    return ids


_TWINS: Mapping[IdRule, str] = {
    "spaces": "spaces around them or that nobody sees",
    "unicode": "the way that accents are coded",
    "decimals": "a .0 at the end",
    "case": "upper and lower case",
    "zeros": "leading zeros",
}


def twins(ids: pl.Series) -> dict[IdRule, tuple[int, str, str]]:
    """By rule, how many ids are another one but for that, and the first such pair."""
    found: dict[IdRule, tuple[int, str, str]] = {}
    for rule in _TWINS:
        keys = pl.DataFrame({"id": ids}).with_columns(normalised(pl.col("id"), [rule]).alias("key"))
        again = keys.filter(pl.col("key").is_duplicated())
        if len(again):
            one = again.filter(pl.col("key") == again["key"][0])["id"]
            found[rule] = (len(again) - again["key"].n_unique(), one[0], one[1])
    return found


def report_twins(
    ids: pl.Series, role: str, label: str, findings: Findings, *, settable: bool
) -> None:
    """Name ids that look like other spellings of one, and what makes them one.

    Args:
        ids: all of them.
        role: `user` or `item`.
        label: the file for messages.
        findings: are told.
        settable: whether `normalize_ids` is heeded.
    """
    found = twins(ids)
    rules = ", ".join(f'"{rule}"' for rule in found)
    way_out = f"normalize_ids = [{rules}] in recsys.toml" if settable else "write them in one way"
    for rule, (count, one, other) in found.items():
        findings.warn(
            f"events.twins_{role}_{rule}",
            counted(count, f"{role} ids differ from another only in {_TWINS[rule]}"),
            file=label,
            count=count,
            example=f"{one} and {other}",
            hint=f"if they are the same {role}: {way_out}",
        )
