"""Where training starts: at ALS, with a guess of factors for whoever has none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from recsys_cli.strategies.twotower.features import Columns, one_hot, ridge
from recsys_cli.strategies.twotower.inputs import ITEM_NUMBERS, USER_NUMBERS, Facts, Vectors
from recsys_cli.strategies.twotower.model import Shape, Tower, TwoTower
from recsys_cli.strategies.twotower.moments import Moment

_PENALTY = 10.0
_COMMON = 64
"""Codes per column that get a guess of their own to start with; the others start at nothing."""
_LEAST = 1e-6


def starting_model(
    facts: Facts,
    *,
    users: Moment,
    items: Moment,
    taste: Vectors,
    hidden: int,
    extra: int,
    dropout: float,
    seed: int,
) -> TwoTower:
    """Towers whose scores are those of ALS, wherever it has factors.

    Args:
        facts: of users and items.
        users: ALS user factors at the reference moment, of all users.
        items: ALS item factors, likewise.
        taste: (n_users, c) content taste of all users at that moment.
        hidden: width of the hidden layers.
        extra: dimensions in which they meet.
        dropout: of the hidden layers' inputs.
        seed: of what starts at random.
    """
    shape = Shape(
        factors=items.factors.shape[1],
        content=facts.content.shape[1],
        user_numbers=USER_NUMBERS,
        item_numbers=ITEM_NUMBERS,
        segments=facts.segments,
        user_codes=facts.users.sizes,
        item_codes=facts.items.sizes,
        hidden=hidden,
        extra=extra,
        dropout=dropout,
    )
    torch.manual_seed(seed)
    model = TwoTower(shape)
    _guess(model.item, facts.content, facts.items, items)
    _guess(model.user, taste, facts.users, users)
    known = items.factors[items.known]
    size = float(np.sqrt(np.mean(np.square(known, dtype=np.float64)))) if known.size else 1.0
    model.factor_scale.fill_(1 / max(size, _LEAST))
    return model


def _guess(tower: Tower, content: Vectors, columns: Columns, moment: Moment) -> None:
    """Set a tower's guess to the ridge regression of the known factors on content and columns."""
    rows = np.flatnonzero(moment.known)
    inputs = np.concatenate([content[rows], one_hot(columns, rows, most=_COMMON)], axis=1)
    weights = torch.from_numpy(ridge(inputs, moment.factors[rows], penalty=_PENALTY))
    with torch.no_grad():
        tower.guess_bias.copy_(weights[0])
        at = 1 + content.shape[1]
        tower.guess_weight.copy_(weights[1:at])
        for table, size in zip(tower.guess_tables, columns.sizes, strict=True):
            common = min(size - 1, _COMMON)
            table.weight[1 : 1 + common] = weights[at : at + common]
            at += common


def has_features(content: Vectors, columns: Columns) -> npt.NDArray[np.bool_]:
    """(rows,) which have anything to guess factors from."""
    return np.any(content, axis=1) | np.any(columns.codes > 0, axis=1)  # type: ignore[no-any-return]
