"""Lists under rules: the one place where they are applied, after ranking and before the cut.

What ranks is asked for more than a list holds, `Rules` choose from that, and where they leave a
list short that could be longer, it is asked for more yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.csr import CSR
from recsys_cli.ranking.contract import NO_SOURCE, Recommendations, Serving
from recsys_cli.ranking.fallback import Answer, WithFallback
from recsys_cli.ranking.rules import Pin, Rules
from recsys_cli.ranking.vectors import Mask, Users

if TYPE_CHECKING:
    from recsys_cli.events.later import Visitors

Rows = npt.NDArray[np.int64]
Ask = Callable[[Rows, int], Answer]
"""Gives the answer of some rows at a depth."""

PIN = "pin"
"""What an item is listed by that no strategy had among its candidates."""
_DEEPER = 10
_BLOCK_CELLS = 1 << 19


class Ruled(WithFallback):
    """Strategies in order of preference, whose lists are under rules."""

    def __init__(self, chain: Sequence[Serving], rules: Rules, *, name: str | None = None) -> None:
        super().__init__(chain, name=name)
        self.rules = rules

    def answer(
        self,
        users: Users,
        *,
        k: int,
        exclude: CSR | None = None,
        allow: Mask | None = None,
        first: Recommendations | None = None,
        visitors: Visitors | None = None,
    ) -> Answer:
        """See `WithFallback.answer`; without `allow`, what the rules' filters let through."""
        allow = self.rules.allow if allow is None else allow

        def ask(rows: Rows, depth: int) -> Answer:
            return super(Ruled, self).answer(
                users[rows],
                k=depth,
                exclude=None if exclude is None else exclude.take(rows),
                allow=allow,
                visitors=None if visitors is None else visitors.take(rows),
            )

        return under(self.rules, ask, len(users), k=k, exclude=exclude, allow=allow)


def under(
    rules: Rules, ask: Ask, n: int, *, k: int, exclude: CSR | None, allow: Mask | None
) -> Answer:
    """The lists of n users under rules.

    Args:
        rules: what to choose by.
        ask: gives the candidates, which meet `exclude`, `allow` and the filters.
        n: number of lists.
        k: their length.
        exclude: matrix of n rows, what each may not get.
        allow: (n_items,) what may be listed; None means all.
    """
    pinned, longest = rules.pinned(n, exclude, allow), cache(lambda: rules.longest(allow))

    def chosen(rows: Rows, depth: int) -> Answer:
        asked = ask(rows, depth)
        answer = _cut(rules, asked, k, pinned[rows])
        lengths = (answer.recommendations.items >= 0).sum(axis=1)
        short = (lengths < k) & (asked.recommendations.items >= 0).all(axis=1)
        if depth < rules.n_items and short.any():
            short &= lengths < longest()
            deeper = min(_DEEPER * depth, rules.n_items)
            step = max(1, _BLOCK_CELLS // deeper)
            places = np.flatnonzero(short)
            for part in (places[at : at + step] for at in range(0, len(places), step)):
                answer = answer.with_rows(part, chosen(rows[part], deeper))
        return answer

    return chosen(np.arange(n), rules.depth(k))


def _cut(rules: Rules, asked: Answer, k: int, pinned: Mask) -> Answer:
    """The lists that rules choose from candidates, and which rules changed the only one."""
    lists = asked.recommendations
    n, depth = lists.items.shape
    places = rules.chosen(lists.items, k=k, pinned=pinned)
    pins = np.array([pin.item for pin in rules.of(Pin)], np.int32)
    # Behind the candidates stand the pins, and what stands for no item.
    mine = np.full(len(pins), len(lists.sources))

    def taken(own: npt.NDArray[Any], more: npt.NDArray[Any]) -> npt.NDArray[Any]:
        rows = np.hstack([own, np.tile(more.astype(own.dtype), (n, 1))])
        return np.take_along_axis(rows, places, axis=1)

    cut = Recommendations(
        taken(lists.items, np.append(pins, -1)),
        taken(lists.scores, np.append(np.zeros(len(pins)), np.nan)),
        taken(lists.source, np.append(mine, NO_SOURCE)),
        (*lists.sources, PIN) if len(pins) else lists.sources,
    )
    helped = places < depth
    if asked.own is not None:
        helped &= places >= asked.own[:, None]
    return asked.cut(
        cut,
        alone=~helped.any(axis=1),
        rules=tuple(rules.changing(lists.items, places, pinned=pinned)) if n == 1 else (),
    )
