"""Every strategy by name: what it needs, how it is built, who serves when it cannot.

The command line, evaluation and the contract tests read this table. What else knows strategies by
name are the stages that make their artifacts (`pipeline.stages`), what can be tuned
(`pipeline.tuning.targets`), and the hybrid's sources and spaces (`hybrid.build`, `hybrid.spaces`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from recsys_cli.errors import ArtifactError, Command, UsageError
from recsys_cli.recommend.fallback import WithFallback
from recsys_cli.recommend.strategies import ByProduct, Popular, Repurchase, Strategy

AUTO = "auto"


class Artifacts(Protocol):
    """The artifacts of one dataset in one snapshot, loaded when asked for."""

    def has(self, kind: str) -> bool:
        """Whether the artifact exists."""
        ...

    def pack(self, kind: str) -> Mapping[str, Any]:
        """The artifact's contents; raises ArtifactError where it is missing."""
        ...

    def text(self, kind: str) -> str:
        """The text of an artifact that is one; likewise."""
        ...


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """One strategy.

    Attributes:
        name: as on the command line.
        summary: one line for help and tables.
        needs: kinds of artifact it is built from.
        uses: further kinds that it uses where they are there.
        build: makes it; takes the artifacts and the number of threads (0: all cores).
        fallback: names of the strategies behind it, in order.
        auto: further kinds of artifact without which `auto` does not choose it; None for never.
        seen_only: whether it recommends nothing but what the user already has.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    build: Callable[[Artifacts, int], Strategy]
    uses: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ("popular",)
    auto: tuple[str, ...] | None = ()
    seen_only: bool = False


_HYBRID_USES = (
    "als", "itemknn", "graph", "content", "user_vectors", "two_tower_vectors", "ranker",
    "ranker_facts",
)  # fmt: skip


# A request imports what the strategy asked for is made of, and no other's.
def _hybrid(artifacts: Artifacts, threads: int) -> Strategy:
    from recsys_cli.recommend.hybrid.build import build_hybrid

    return build_hybrid(artifacts, threads)


def _content(artifacts: Artifacts, threads: int) -> Strategy:
    from recsys_cli.recommend.content import Content

    packs = artifacts.pack("content"), artifacts.pack("user_vectors")
    return Content.from_packs(*packs, threads=threads)


def _itemknn(artifacts: Artifacts, _threads: int) -> Strategy:
    from recsys_cli.recommend.itemknn import ItemKnn

    return ItemKnn.from_packs(artifacts.pack("interactions"), artifacts.pack("itemknn"))


def _graph(artifacts: Artifacts, threads: int) -> Strategy:
    from recsys_cli.recommend.graph import Graph

    packs = artifacts.pack("interactions"), artifacts.pack("graph")
    return Graph.from_packs(*packs, threads=threads)


_ALL = (
    # Best first: this is the order in which `auto` prefers them.
    StrategySpec(
        name="hybrid",
        summary="candidates of all the others, ordered by a learned ranker or a blend of scores",
        needs=("interactions", "popular", "statistics", "hybrid"),
        uses=_HYBRID_USES,
        build=_hybrid,
        fallback=("twotower", "collab", "content", "popular"),
        # A blend of scores is not better than the best of them; an order that was learned is.
        auto=("ranker",),
    ),
    StrategySpec(
        name="twotower",
        summary="collab, fine-tuned to what sells now, last items, content and users' columns",
        needs=("two_tower_vectors",),
        build=lambda artifacts, threads: ByProduct.two_tower(
            artifacts.pack("two_tower_vectors"), threads=threads
        ),
    ),
    StrategySpec(
        name="collab",
        summary="items that go with the user's, by matrix factorisation (ALS)",
        needs=("als",),
        build=lambda artifacts, threads: ByProduct.collab(artifacts.pack("als"), threads=threads),
    ),
    StrategySpec(
        name="content",
        summary="items whose text and picture are like those of the user's own, new ones too",
        needs=("content", "user_vectors"),
        build=_content,
    ),
    StrategySpec(
        name="itemknn",
        summary="what users of the user's items had too, nearest first",
        needs=("interactions", "itemknn"),
        build=_itemknn,
        # It knows nobody whom collab does not know.
        auto=None,
    ),
    StrategySpec(
        name="graph",
        summary="what is linked to the user's items, by graph filtering (GF-CF)",
        needs=("interactions", "graph"),
        build=_graph,
        # It knows nobody whom collab does not know.
        auto=None,
    ),
    StrategySpec(
        name="repurchase",
        summary="what the user had before, often and lately",
        needs=("interactions",),
        build=lambda artifacts, _: Repurchase.from_pack(artifacts.pack("interactions")),
        # A list of what the user already has is an answer to a narrower question than auto's.
        auto=None,
        seen_only=True,
    ),
    StrategySpec(
        name="popular",
        summary="what sells now, in the user's segment where there are segments",
        needs=("popular",),
        build=lambda artifacts, _: Popular.from_pack(artifacts.pack("popular")),
        fallback=(),
    ),
)

STRATEGIES: dict[str, StrategySpec] = {spec.name: spec for spec in _ALL}


def strategy_names() -> list[str]:
    """What `--strategy` takes: every strategy, and auto."""
    return [*STRATEGIES, AUTO]


def find_strategy(name: str) -> StrategySpec:
    """The strategy of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in STRATEGIES:
        raise UsageError(
            f"there is no strategy {name!r}", hint=f"one of: {', '.join(strategy_names())}"
        )
    return STRATEGIES[name]


def available(artifacts: Artifacts) -> list[str]:
    """Names of the strategies whose artifacts exist, best first."""
    return [s.name for s in _ALL if all(artifacts.has(kind) for kind in s.needs)]


def chain_names(name: str, artifacts: Artifacts) -> list[str]:
    """The strategies behind `name`, in order: itself, then those of its fallbacks that exist.

    Raises:
        UsageError: there is no such strategy.
        ArtifactError: nothing is built that `auto` could choose.
    """
    there = available(artifacts)
    if name == AUTO:
        chosen = [other for other in there if _auto_may(STRATEGIES[other], artifacts)]
        if not chosen:
            raise ArtifactError("no strategy has its artifacts yet", hint=Command("build", "all"))
        return chosen
    return [name, *(other for other in find_strategy(name).fallback if other in there)]


def _auto_may(spec: StrategySpec, artifacts: Artifacts) -> bool:
    return spec.auto is not None and all(artifacts.has(kind) for kind in spec.auto)


def build_strategy(
    name: str,
    artifacts: Artifacts,
    *,
    threads: int = 0,
    built: dict[str, Strategy] | None = None,
) -> WithFallback:
    """The strategy asked for with its fallback chain, over one dataset's artifacts.

    Args:
        name: what is asked for.
        artifacts: what it is built from.
        threads: 0 means all cores.
        built: strategies by name that were built before; those built now are added.

    Raises:
        UsageError: there is no such strategy.
        ArtifactError: an artifact that `name` itself needs is missing.
    """
    built = {} if built is None else built
    names = chain_names(name, artifacts)
    for other in names:
        if other not in built:
            built[other] = STRATEGIES[other].build(artifacts, threads)
    return WithFallback([built[other] for other in names], name=name)
