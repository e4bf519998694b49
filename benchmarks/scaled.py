"""Workspaces to measure in: shops of a share of H&M's size, and copies that may be changed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from measuring import succeed

CUSTOMERS, TRANSACTIONS, ARTICLES = 1_371_980, 31_788_324, 105_542
RECSYS = str(Path(sys.executable).parent / "recsys")


def shop(folder: Path, scale: float) -> Path:
    """The workspace with a shop of `scale` × H&M's size, made unless it is there."""
    if not (folder / "data" / "hm_raw" / "transactions_train.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        sizes = {
            "--customers": CUSTOMERS,
            "--transactions": TRANSACTIONS,
            "--articles": ARTICLES,
        }
        options = [part for o, n in sizes.items() for part in (o, str(round(n * scale)))]
        succeed([RECSYS, "demo", "-w", str(folder), *options])
    return folder


def beside(workspace: Path, folder: Path) -> Path:
    """A workspace in `folder` of the settings and data of another, with nothing built."""
    fresh = folder / "workspace"
    fresh.mkdir()
    shutil.copy(workspace / "recsys.toml", fresh)
    if (workspace / "data").exists():
        (fresh / "data").symlink_to((workspace / "data").resolve())
    return fresh


def evaluated(options: list[str], folder: Path) -> tuple[dict, float]:
    """What `recsys eval` reports, by way of a file in `folder`, and its seconds."""
    out = folder / "eval.json"
    took = succeed([RECSYS, "eval", "--json", str(out), *options])
    return json.loads(out.read_text()), took.seconds
