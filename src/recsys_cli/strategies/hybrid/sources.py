"""All sources of candidates that strategies offer, in the order in which their features stand."""

from __future__ import annotations

from recsys_cli.strategies.base import Source


def all_sources() -> dict[str, Source]:
    """Sources by name."""
    from recsys_cli.strategies import STRATEGIES

    offered = [source for strategy in STRATEGIES.values() for source in strategy.sources]
    return {source.name: source for source in sorted(offered, key=lambda one: one.place)}
