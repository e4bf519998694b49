"""The stage from events to what follows what."""

from __future__ import annotations

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.store.idtable import fingerprints_of


def stages() -> list[Stage]:
    """Transitions."""
    return [
        Stage(
            name="transitions",
            summary="events in order to what follows each item",
            inputs=("spec", "interactions"),
            outputs=("transitions",),
            sections=("transitions",),
            run=_transitions,
            timed=True,
        ),
    ]


def _transitions(context: Context) -> Facts:
    import numpy as np

    from recsys_cli.store.packs import save_pack
    from recsys_cli.strategies.ordered import ordered_events
    from recsys_cli.strategies.transitions.train import train_transitions

    sequences, interactions = ordered_events(context)
    model = train_transitions(
        sequences,
        context.section("transitions"),
        reference=interactions["reference"],
        threads=context.threads,
    )
    fingerprints = fingerprints_of(interactions)
    save_pack(context.output("transitions"), model.to_pack(**fingerprints))
    return {
        "links": len(model.indices),
        "items_with_followers": int((np.diff(model.indptr) > 0).sum()),
        **fingerprints,
    }
