"""What went with the user's latest items in the recent sessions most like theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from recsys_cli.config.models import Section
from recsys_cli.store.kinds import OF_IDS, pack_kind
from recsys_cli.store.layout import ITEMS, Array, above_zero, floats, moment, number, whole
from recsys_cli.strategies.base import Packs, Source, Strategy
from recsys_cli.strategies.tunable import Span, Target

if TYPE_CHECKING:
    from recsys_cli.build.stage import Stage
    from recsys_cli.ranking.contract import Serving


class SessionsConfig(Section):
    """Sessions that share the user's latest items (Ludewig and Jannach 2018)."""

    gap_minutes: PositiveFloat | None = None
    """Pause after which a user's next event begins another session; unset: none does, and a
    session is what a user had, whenever that was. Sessions that `columns.session` names end where
    it changes, too."""
    neighbours: PositiveInt = 200
    """Most similar sessions whose items are recommended."""
    recent: PositiveInt = 300
    """Sessions with an item, the latest ones, that are compared with the user's."""
    length: PositiveInt = 50
    """Latest items of a user that sessions are compared by."""
    half_life_events: PositiveFloat = 2.5
    """Items had since, at which an item of the user counts half."""
    half_life_days: PositiveFloat = 60.0
    """Age at which a session counts half."""
    half_life_steps: PositiveFloat = 4.0
    """Steps beyond the next one, from the item that is shared, at which an item of a session
    counts half."""
    backward: NonNegativeFloat = 0.5
    """What an item counts that comes before the one that is shared, beside one that comes after."""


def _open(packs: Packs, _threads: int) -> Serving:
    from recsys_cli.strategies.sessions.serve import open_sessions

    return open_sessions(packs)


def _stages() -> list[Stage]:
    from recsys_cli.strategies.sessions.stages import stages

    return stages()


_NEEDS = ("interactions", "sessions")

SESSIONS = Strategy(
    name="sessions",
    summary="what went with the user's latest items in sessions like theirs",
    needs=_NEEDS,
    open=_open,
    artifacts={
        "sessions": pack_kind(
            True,
            {
                "session_starts": Array(dtype="i8", shape=("sessions+1",), starts="entries"),
                "items": Array(dtype="i4", shape=("entries",), least=0, below=ITEMS),
                "steps": Array(dtype="u1", shape=("entries",)),
                "weight": floats("sessions", least=0),
                "item_starts": Array(dtype="i8", shape=(f"{ITEMS}+1",), starts="postings"),
                "sessions": Array(
                    dtype="i4",
                    shape=("postings",),
                    least=0,
                    below="sessions",
                    rising="item_starts",
                ),
                "shared": Array(dtype="u1", shape=("postings",)),
                "rarity": floats(ITEMS, least=0),
                "neighbours": whole(),
                "length": whole(),
                "half_life_events": above_zero(),
                "half_life_steps": above_zero(),
                "backward": number(0),
                "reference": moment(),
                **OF_IDS,
            },
        ),
    },
    stages=_stages,
    sections={"sessions": SessionsConfig},
    sources=(Source(name="sessions", needs=_NEEDS, open=_open, candidates=50, place=11),),
    cost=5,
    tune=Target(
        "sessions",
        {
            "sessions.neighbours": Span(50, 1000, log=True),
            "sessions.half_life_events": Span(0.3, 30.0, log=True),
            "sessions.half_life_days": Span(3.0, 1000.0, log=True),
            "sessions.half_life_steps": Span(0.5, 30.0, log=True),
            "sessions.backward": Span(0.0, 1.0),
        },
    ),
)
