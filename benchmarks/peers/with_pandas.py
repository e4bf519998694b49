"""H&M's CSV to integer ids and Parquet tables by pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from worker import Clock, Work, main


def ingest(work: Work) -> dict:
    raw, own = Path(work.settings["raw"]), work.own
    clock = Clock()
    items = pd.read_csv(raw / "articles.csv", dtype={"article_id": str})
    users = pd.read_csv(raw / "customers.csv")
    events = pd.read_csv(
        raw / "transactions_train.csv", dtype={"article_id": str}, parse_dates=["t_dat"]
    )
    item = pd.Index(items["article_id"]).get_indexer(events["article_id"]).astype(np.int32)
    user = pd.Index(users["customer_id"]).get_indexer(events["customer_id"]).astype(np.int32)
    table = pd.DataFrame(
        {
            "user": user,
            "item": item,
            "time": events["t_dat"],
            "event": np.zeros(len(events), np.uint8),
            "value": events["price"].astype(np.float32),
        }
    ).sort_values("time", kind="stable")
    for name, made in (("events", table), ("items", items), ("users", users)):
        made.to_parquet(own / f"{name}.parquet", index=False)
    seconds = clock.seconds
    strangers = int((item < 0).sum() + (user < 0).sum())
    counts = f"{len(table):,} events, {len(users):,} users, {len(items):,} items"
    return {"seconds": seconds, "checksum": counts + (f", {strangers}?" if strangers else "")}


if __name__ == "__main__":
    main("pandas", "pandas", {"ingest": ingest})
