"""What stages of strategies that learn from the order of events read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys_cli.build.stage import Context
    from recsys_cli.events.sequences import Sequences


def ordered_events(context: Context) -> tuple[Sequences, dict[str, Any]]:
    """The events that the snapshot sees, in order, and its interactions pack.

    Args:
        context: of a stage with the inputs events, spec and interactions.
    """
    from recsys_cli.events.sequences import build_sequences
    from recsys_cli.store.packs import load_pack

    interactions = load_pack(context.input("interactions"))
    sequences = build_sequences(
        context.snapshot.filter(context.events()),
        n_users=interactions["n_users"],
        n_items=interactions["n_items"],
        spec=context.spec,
        reference=interactions["reference"],
        threads=context.threads,
    )
    return sequences, interactions
