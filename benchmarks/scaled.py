"""Generated shops of a share of H&M's size."""

from __future__ import annotations

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
