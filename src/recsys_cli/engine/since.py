"""What users did since the artifacts were made, as the log of live events has it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.errors import LogError
from recsys_cli.live.contract import EventLog, Given, Sold
from recsys_cli.moments import milliseconds, parsed_moment

_FRESH_SECONDS = 10.0
"""For which what everybody did is not looked at again."""


class Since:
    """Looks users up in the log, from where one dataset's ingest ended."""

    def __init__(
        self, log: EventLog, artifacts: Artifacts, *, failed: Callable[[LogError], None]
    ) -> None:
        """Look at nothing yet.

        Args:
            log: of live events.
            artifacts: of the dataset, "now".
            failed: told why the log cannot be read; answers go without it.
        """
        self._log, self._dataset, self._failed = log, artifacts.dataset, failed
        self._after = built_until(artifacts)
        self._sold: list[Sold] = []
        self._looked = -math.inf
        # What is of a kind that the build knows nothing of waits for one that does.
        self._kinds = frozenset(artifacts.spec.events) if self._after is not None else frozenset()

    def sold(self) -> list[Sold] | None:
        """What everybody did since, as it was not long ago; None where it cannot be read."""
        if time.monotonic() - self._looked > _FRESH_SECONDS:
            try:
                self._sold = self._log.by_hour(self._dataset, after=self._after)
            except LogError as error:
                self._failed(error)
                return None
            self._looked = time.monotonic()
        return self._sold

    def of(self, user: str) -> list[Given] | None:
        """The user's events since, by time; None where the log cannot be read."""
        if self._after is None:
            return []
        try:
            events = self._log.of_user(self._dataset, user, after=self._after)
        except LogError as error:
            self._failed(error)
            return None
        return [
            Given(event.item, event.kind, event.time, event.value)
            for event in events
            if event.kind in self._kinds
        ]


def built_until(artifacts: Artifacts) -> int | None:
    """The last moment that the artifacts know of, in milliseconds since 1970.

    That of the last event that was ingested; where events carry no time, when that was. None
    before anything is.
    """
    manifest = artifacts.manifests.get("ingest")
    if manifest is None:
        return None
    moment: datetime = parsed_moment(manifest.facts.get("last") or manifest.finished)
    return milliseconds(moment)
