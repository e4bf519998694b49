"""What a strategy declares of itself. Whatever lists strategies is derived from it.

Declarations import nothing heavy: functions that open, train or describe import when called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from recsys_cli.errors import Hint
from recsys_cli.store.kinds import ArtifactKind, Switch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from recsys_cli.build.stage import Stage
    from recsys_cli.config import Config
    from recsys_cli.config.models import Section
    from recsys_cli.events.later import Visitors
    from recsys_cli.ranking.contract import Recommender, Serving
    from recsys_cli.strategies.tunable import Target


class Packs(Protocol):
    """The artifacts of one dataset in one snapshot, loaded when asked for."""

    def has(self, kind: str) -> bool:
        """Whether the artifact exists and is on."""
        ...

    def pack(self, kind: str) -> Mapping[str, Any]:
        """The artifact's contents; raises ArtifactError where it is missing."""
        ...

    def text(self, kind: str) -> str:
        """The text of an artifact that is one; likewise."""
        ...


def installed(library: str) -> bool:
    """Whether an extra's library is there; it is not imported."""
    from importlib.util import find_spec

    return find_spec(library) is not None


def switch_of_extra(section: str, library: str, *, message: str, hint: Hint) -> Switch:
    """What turns on a strategy whose stages need an extra: `enabled`, in its section.

    Builds leave it out at `auto` where the library is missing. At true they try, so that what is
    asked for by name fails and says why.
    """

    def enabled(config: Config, dataset: str) -> Any:
        from recsys_cli.config.load import section_for

        return section_for(config, section, dataset).enabled

    return Switch(
        on=lambda config, dataset: bool(enabled(config, dataset)),
        message=message,
        hint=hint,
        announced=True,
        able=lambda config, dataset: enabled(config, dataset) is True or installed(library),
    )


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of users and items, so that any pair of them has a score.

    Attributes:
        name: the strategy that ranks in it.
        users: (n_users, d) float32.
        items: (n_items, d) float32.
        user_known: (n_users,) users that have a vector.
        item_known: (n_items,) items that have one.
        bonus: (n_items,) float32 added to the inner product; None for nothing.
        unit: whether the items' vectors are at most of unit length.
    """

    name: str
    users: npt.NDArray[np.float32]
    items: npt.NDArray[np.float32]
    user_known: npt.NDArray[np.bool_]
    item_known: npt.NDArray[np.bool_]
    bonus: npt.NDArray[np.float32] | None = None
    unit: bool = False

    def over(self, visitors: Visitors, vectors: npt.NDArray[np.float32] | None) -> Space:
        """The same with visitors for users: their vectors (n, d), or None for those there were."""
        known: npt.NDArray[np.bool_]
        if vectors is None:
            known = (visitors.users >= 0) & self.user_known[visitors.users]
            return replace(self, users=self.users[visitors.users], user_known=known)
        known = (vectors != 0).any(axis=1)
        return replace(self, users=vectors, user_known=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the hybrid takes candidates from.

    Attributes:
        name: as in `hybrid.candidates`.
        needs: kinds of artifact that it is made from.
        open: makes it; takes the artifacts and the number of threads (0: all cores).
        candidates: how many it brings for a user by default.
        weight: of its ranks in the blend by default.
        cold: whether it can tell of items that hardly anybody had yet.
        place: where it stands among the sources, whose features come in that order.
        suits: whether a dataset can have it, by its statistics.
    """

    name: str
    needs: tuple[str, ...]
    open: Callable[[Packs, int], Recommender]
    candidates: int
    weight: float = 1.0
    cold: bool = False
    place: int = 100
    suits: Callable[[Mapping[str, Any]], bool] = lambda _statistics: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One strategy.

    Attributes:
        name: as on the command line.
        summary: one line for help and tables.
        needs: kinds of artifact that it is opened from.
        uses: further kinds that it uses where they are there.
        open: makes what serves; takes the artifacts and the number of threads (0: all cores).
        artifacts: the kinds that its stages make, by name.
        stages: makes its stages.
        sections: its sections of recsys.toml, by name; a dataset may override them.
        sources: what it offers to the hybrid.
        space: makes the vectors that it ranks in; None where it ranks otherwise.
        fallback: names of the strategies behind it, in order.
        auto: further kinds of artifact without which `auto` does not choose it; None for never.
        seen_only: whether it recommends nothing but what the user already has.
        tune: which of its settings can be tuned; None for none.
        cost: what a list costs to make, roughly, where one of popular costs 1: of strategies that
            measure alike, the cheapest serves.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    open: Callable[[Packs, int], Serving]
    uses: tuple[str, ...] = ()
    artifacts: Mapping[str, ArtifactKind] = field(default_factory=dict)
    stages: Callable[[], list[Stage]] = list
    sections: Mapping[str, type[Section]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    space: Callable[[Packs], Space] | None = None
    fallback: tuple[str, ...] = ("popular",)
    auto: tuple[str, ...] | None = ()
    seen_only: bool = False
    tune: Target | None = None
    cost: float = 5.0
