"""`recsys demo`: makes data/hm_raw (with pictures) and data/rr_raw in their raw schemas.

In: sizes and a seed. Out: two folders, byte for byte the same for the same arguments. They appear
whole or not at all, and replace only what an earlier demo made.
"""

from dataclasses import dataclass
from pathlib import Path

from recsys_cli.datasets.demo.folders import is_current, publishing, scratch
from recsys_cli.datasets.demo.hm_files import write_hm
from recsys_cli.datasets.demo.pictures import write_pictures
from recsys_cli.datasets.demo.retailrocket import RrSize, count_rr, write_rr
from recsys_cli.errors import UsageError
from recsys_cli.progress import Progress, Silent

VERSION = 2
"""Raised whenever the same arguments give other data."""
HM_FILES = ("articles.csv", "customers.csv", "transactions_train.csv")
RR_PROPERTIES = ("item_properties_part1.csv", "item_properties_part2.csv")
RR_FILES = ("events.csv", "category_tree.csv", *RR_PROPERTIES)


@dataclass(frozen=True)
class DemoSummary:
    """What `make_demo` made, or found already made."""

    hm: Path
    rr: Path
    customers: int
    transactions: int
    articles: int
    images: int
    rr_visitors: int
    """Visitors with events."""
    rr_items: int
    rr_events: int
    """Rows of events.csv."""
    seed: int
    skipped: tuple[str, ...]
    """Names of the folders that were there already, made from the same arguments."""


def make_demo(
    workspace: Path,
    *,
    customers: int = 5_000,
    transactions: int = 150_000,
    articles: int = 1_500,
    seed: int = 42,
    images: bool = True,
    max_images: int = 2_500,
    force: bool = False,
    progress: Progress | None = None,
) -> DemoSummary:
    """Make the demo's raw folders under `workspace`/data.

    The H&M folder has exactly as many customers, transactions and articles as asked for; the
    RetailRocket folder is sized in proportion, within the bounds of the real data set.

    Args:
        workspace: Where data/hm_raw and data/rr_raw will be.
        customers: Rows of customers.csv.
        transactions: Rows of transactions_train.csv.
        articles: Rows of articles.csv.
        seed: The same arguments and seed give the same files.
        images: Draw a picture of each article.
        max_images: Draw the first so many articles only.
        force: Replace folders that an earlier demo made; those of others are never touched.
        progress: Told what is going on.

    Raises:
        UsageError: a size is not positive, or a folder is in the way.
        LockedError: another demo is being made here.
    """
    progress = progress or Silent()
    sizes = {"customers": customers, "transactions": transactions, "articles": articles}
    _check(**sizes, seed=seed)
    data = workspace / "data"
    hm, rr = data / "hm_raw", data / "rr_raw"
    pictures = min(articles, max_images) if images else 0
    size = RrSize.beside(**sizes)
    parameters: dict[str, object] = {**sizes, "seed": seed, "version": VERSION}
    hm_parameters = parameters | {"images": pictures}
    has_hm = is_current(hm, hm_parameters, HM_FILES, force=force)
    has_rr = is_current(rr, parameters, RR_FILES, force=force)
    with scratch(data) as work:
        if not has_hm:
            with publishing(work, hm, hm_parameters) as made:
                catalogue = write_hm(made, **sizes, seed=seed, progress=progress)
                write_pictures(catalogue, made / "images", limit=pictures, progress=progress)
        if not has_rr:
            with publishing(work, rr, parameters) as made:
                write_rr(made, size=size, seed=seed, progress=progress)
    rr_events, rr_visitors = count_rr(rr)
    return DemoSummary(
        hm=hm,
        rr=rr,
        **sizes,
        images=pictures,
        rr_visitors=rr_visitors,
        rr_items=size.items,
        rr_events=rr_events,
        seed=seed,
        skipped=tuple(f.name for f, there in ((hm, has_hm), (rr, has_rr)) if there),
    )


def _check(**sizes: int) -> None:
    """Refuse sizes that make no shop."""
    for name, value in sizes.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise UsageError(f"--{name} must be at least {least}, not {value}.")
