"""Strategies by name over the artifacts there are, and who serves when one cannot."""

from __future__ import annotations

from recsys_cli.errors import ArtifactError, Command, UsageError, meant
from recsys_cli.ranking.contract import Serving
from recsys_cli.ranking.fallback import WithFallback
from recsys_cli.strategies import STRATEGIES, Packs, Strategy

AUTO = "auto"


def strategy_names() -> list[str]:
    """What `--strategy` takes: every strategy, and auto."""
    return [*STRATEGIES, AUTO]


def find_strategy(name: str) -> Strategy:
    """The strategy of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in STRATEGIES:
        raise UsageError(
            f"there is no strategy {name!r}{meant(name, strategy_names())}",
            hint=f"one of: {', '.join(strategy_names())}",
        )
    return STRATEGIES[name]


def available(artifacts: Packs) -> list[str]:
    """Names of the strategies whose artifacts exist, best first."""
    return [s.name for s in STRATEGIES.values() if all(artifacts.has(kind) for kind in s.needs)]


def chain_names(name: str, artifacts: Packs) -> list[str]:
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


def _auto_may(spec: Strategy, artifacts: Packs) -> bool:
    return spec.auto is not None and all(artifacts.has(kind) for kind in spec.auto)


def build_strategy(
    name: str,
    artifacts: Packs,
    *,
    threads: int = 0,
    built: dict[str, Serving] | None = None,
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
            built[other] = STRATEGIES[other].open(artifacts, threads)
    return WithFallback([built[other] for other in names], name=name)
