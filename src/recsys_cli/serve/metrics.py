"""What /metrics tells Prometheus, over all processes of one server."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder through which processes share their counts.

The library reads it when a metric is made, so it has to be set before this module is imported.
"""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Metrics:
    """The server's counters."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        shared = FOLDER in os.environ
        self.requests = Counter(
            "recsys_requests", "Requests answered.", ["route", "method", "status"],
            registry=self._registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "recsys_request_seconds", "Time until a request was answered.", ["route"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "recsys_requests_in_flight", "Requests being worked on.",
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self.answers = Counter(
            "recsys_answers", "Lists by who made them and why.",
            ["dataset", "strategy", "strategy_used", "fallback"], registry=self._registry,
        )  # fmt: skip
        self.reloads = Counter(
            "recsys_reloads", "New builds met, by what became of them.", ["result"],
            registry=self._registry,
        )  # fmt: skip
        self.loaded = Gauge(
            "recsys_loaded_timestamp_seconds", "When the artifacts in use were loaded.",
            registry=self._registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self.build_failed = Gauge(
            "recsys_build_failed", "1 while a newer build than the one in use can't be loaded.",
            registry=self._registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.strategy_errors = Counter(
            "recsys_strategy_errors", "Requests that a strategy failed on, unexpectedly.",
            ["dataset", "strategy"], registry=self._registry,
        )  # fmt: skip
        self.events = Counter(
            "recsys_events", "Live events taken, by what became of them.", ["result"],
            registry=self._registry,
        )  # fmt: skip
        self.lists = Counter(
            "recsys_lists", "Lists for the log of live events, by what became of them.",
            ["result"], registry=self._registry,
        )  # fmt: skip
        self._collected = CollectorRegistry() if shared else self._registry
        if shared:
            MultiProcessCollector(self._collected)  # type: ignore[no-untyped-call]

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._collected)
