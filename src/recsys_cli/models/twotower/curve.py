"""Loss and metric of a training run, as JSON and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recsys_cli.store.files import write_json


def write_curve(path: Path, curve: dict[str, Any]) -> None:
    """Write the curve (`checks`: step, loss, metric; `als`; `best_step`; `metric`) as JSON."""
    write_json(path, curve)


def draw_curve(path: Path, curve: dict[str, Any]) -> None:
    """Draw the curve as a PNG: the loss above, the metric and that of ALS below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, metric = figure.subplots(2, 1, sharex=True)
    checks = curve["checks"]
    steps = [check["step"] for check in checks]
    known = [check for check in checks if check["loss"] is not None]
    loss.plot([check["step"] for check in known], [check["loss"] for check in known], marker=".")
    loss.set_ylabel("training loss")
    metric.plot(steps, [check["metric"] for check in checks], marker=".", label="two-tower")
    if curve["als"] is not None:
        metric.axhline(curve["als"], color="grey", linestyle="--", label="ALS")
    metric.axvline(curve["best_step"], color="grey", linestyle=":", label="kept")
    metric.set_ylabel(f"validation {curve['metric']}")
    metric.set_xlabel("step")
    metric.legend()
    # Neither date nor version, so that equal curves give equal bytes.
    figure.savefig(path, dpi=100, metadata={"Software": None})
