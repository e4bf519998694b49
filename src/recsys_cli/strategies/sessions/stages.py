"""The stage from events to sessions."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """Sessions."""
    return [
        Stage(
            name="sessions",
            summary="events in order to the latest sessions of each item",
            inputs=("spec", "interactions"),
            outputs=("sessions",),
            sections=("sessions",),
            run=_sessions,
            timed=True,
        ),
    ]


def _sessions(context: Context) -> Facts:
    from recsys_cli.store.packs import save_pack
    from recsys_cli.strategies.ordered import ordered_events
    from recsys_cli.strategies.sessions.train import index_sessions

    sequences, interactions = ordered_events(context, by_session=True)
    found = index_sessions(
        sequences, context.section("sessions"), reference=interactions["reference"]
    )
    fingerprints = fingerprints_of(interactions)
    save_pack(context.output("sessions"), found.to_pack(**fingerprints))
    return {
        "sessions": len(found.weight),
        "items_in_sessions": int((found.rarity > 0).sum()),
        **fingerprints,
    }
