"""What stages of strategies that learn from the order of events read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys_cli.build.stage import Context
    from recsys_cli.events.sequences import Sequences


def ordered_events(
    context: Context, *, by_session: bool = False
) -> tuple[Sequences, dict[str, Any]]:
    """The events that the snapshot sees, in order, and its interactions pack.

    Args:
        context: of a stage with the inputs spec and interactions, which tell what events it sees.
        by_session: whether each session that events name has a sequence of its own, in place of
            each user; see `events.sessions`.
    """
    from recsys_cli.events.sequences import build_sequences
    from recsys_cli.events.sessions import in_place_of_users
    from recsys_cli.store.packs import load_pack

    interactions = load_pack(context.input("interactions"))
    events, n_rows = context.snapshot.filter(context.events()), interactions["n_users"]
    if by_session:
        events, n_rows = in_place_of_users(events, n_users=n_rows)
    sequences = build_sequences(
        events,
        n_users=n_rows,
        n_items=interactions["n_items"],
        spec=context.spec,
        reference=interactions["reference"],
        threads=context.threads,
    )
    return sequences, interactions
