"""The stages to pairs, and from these and past factors to towers.

Towers learn from the events before a moment, the reference, and stop by what was had in the window
after it. They are trained now and then, and applied to all moments from that window's end on, see
`applied`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.build.stage import Context, Facts
from recsys_cli.errors import ConfigError
from recsys_cli.moments import seconds_at
from recsys_cli.store.files import write_json
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.snapshot import events_between
from recsys_cli.strategies.twotower.known import (
    als_of,
    facts_then,
    history_of,
    settings_of,
    with_torch,
)

if TYPE_CHECKING:
    from recsys_cli.store.snapshot import Snapshot
    from recsys_cli.store.workspace import Workspace
    from recsys_cli.strategies.twotower.fit import Validation
    from recsys_cli.strategies.twotower.view import Settings, View

_K = 12


def init_path(root: Path, init_from: str | None) -> Path | None:
    """The file of weights to start from.

    Raises:
        ConfigError: it does not exist.
    """
    if init_from is None:
        return None
    path = root / init_from
    if not path.is_file():
        raise ConfigError(
            f"twotower.init_from: {path} does not exist",
            hint="name a two_tower_*.pt that `recsys twotower train` made",
        )
    return path


def pairs(context: Context) -> Facts:
    """Write the snapshot's events by user and time, those of its last window apart."""
    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.twotower.history import TRAIN, VALIDATION
    from recsys_cli.strategies.twotower.pairs import pairs_of, write_pairs

    interactions = load_pack(context.input("interactions"))
    n_users, fingerprints = interactions["n_users"], fingerprints_of(interactions)
    events, earlier = context.events(), context.earlier(1)
    counts = {}
    for split, some in (
        (TRAIN, earlier.filter(events)),
        (VALIDATION, events_between(events, earlier, context.snapshot)),
    ):
        found = pairs_of(some, spec=context.spec, split=split)
        counts[split] = write_pairs(found, context.output(f"{split}_pairs"), n_users=n_users)
    return {"train": counts[TRAIN], "validation": counts[VALIDATION], **fingerprints}


def pairs_together(context: Context) -> Facts:
    """Write the pairs of all datasets one after the other, with a column that says whose."""
    from recsys_cli.strategies.twotower.pairs import join_pairs

    return {
        kind.removesuffix("_pairs"): join_pairs(context.inputs(kind), context.output(f"all_{kind}"))
        for kind in ("train_pairs", "validation_pairs")
    }


def fit(context: Context) -> Facts:
    """Train the towers as of one window before the snapshot."""
    return with_torch(_fit, context)


def _fit(context: Context) -> Facts:
    from recsys_cli.encoders.torchload import pick_device
    from recsys_cli.store.packs import load_pack, save_pack
    from recsys_cli.strategies.twotower.fit import fit_towers, pairs_before
    from recsys_cli.strategies.twotower.threads import one_thread
    from recsys_cli.strategies.twotower.trends import window_length
    from recsys_cli.strategies.twotower.view import view_of
    from recsys_cli.strategies.twotower.weights import save_weights

    interactions = load_pack(context.input("interactions"))
    whole = history_of(context, interactions)
    learned = whole.only(~whole.validation)
    folds = context.section("twotower").folds
    settings = settings_of(context, window_length(learned, context.spec.horizon, folds=folds))
    device = str(pick_device(settings.tower.device, config_line="[twotower] device"))
    facts = facts_then(context)
    checkpoint = checkpoint_path(context.workspace, context.dataset, context.snapshot)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with one_thread():
        past = als_of(context, 1, like=interactions)
        view = view_of(learned, past, facts, settings, reference=_reference(context))
        known = pairs_before(
            view, facts, settings, folder=context.staging, threads=context.threads,
            progress=context.progress, start=past,
        )  # fmt: skip
        fitted = fit_towers(
            view, known, facts, settings, _validation(context, view, settings),
            init_from=init_path(context.workspace.root, settings.tower.init_from),
            folder=context.staging, checkpoint=checkpoint, device=device,
            progress=context.progress,
        )  # fmt: skip
    outcome, fingerprints = fitted.outcome, fingerprints_of(interactions)
    about = {"dataset": context.dataset, "config": settings.tower.model_dump(mode="json")}
    save_weights(context.output("two_tower_weights"), fitted.model, about)
    basis = {"item_factors": view.items.factors, "item_known": view.items.known}
    save_pack(context.output("two_tower_basis"), basis | fingerprints)
    curve = {
        "metric": f"ndcg@{_K}",
        "als": fitted.als if outcome.steps else None,
        "best": outcome.best if outcome.steps else None,
        "best_step": outcome.best_step,
        "als_only": fitted.als_only,
        "checks": outcome.curve,
    }
    outline = {"new_users": fitted.new_users, "window_seconds": settings.window.total_seconds()}
    write_json(context.output("two_tower_fit"), {"curve": curve, **outline})
    checkpoint.unlink(missing_ok=True)
    learning = outcome.seconds.get("feeding", 0.0) + outcome.seconds.get("learning", 0.0)
    return {
        "pairs": len(known),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "validation_ndcg": f"{outcome.best:.4f}",
        "als_ndcg": f"{fitted.als:.4f}",
        "dim": fitted.model.shape.vector,
        "pairs_per_second": round(outcome.pairs / learning) if learning else 0,
        "seconds_by_part": {part: round(s, 2) for part, s in sorted(outcome.seconds.items())},
        "device": device,
        "torch_threads": 1,
        "seed": settings.tower.seed,
        **fingerprints,
    }


def _reference(context: Context) -> int:
    """The moment that towers learn up to, in seconds since 1970."""
    from recsys_cli.store.packs import load_pack

    earlier = context.earlier(1)
    if earlier.as_of is None:
        # Leave-last-out holds events of all times out, so it is where the events end.
        return int(load_pack(context.input("interactions"))["reference"])
    return seconds_at(earlier.as_of)


def _validation(context: Context, view: View, settings: Settings) -> Validation:
    """Who had what in the window after the reference, as evaluation would have it."""
    from recsys_cli.events.labels import window_labels
    from recsys_cli.ranking.metrics import ranking_metrics
    from recsys_cli.ranking.topk import FactorRanker
    from recsys_cli.strategies.twotower.fit import Validation

    seen = view.history.pairs()
    start, end = context.window(1)
    truth = window_labels(context.events(), context.spec, start=start, end=end, history=seen)
    users = np.flatnonzero(np.diff(truth.indptr))
    most = settings.tower.validation_users
    if len(users) > most:
        users = np.sort(np.random.default_rng(settings.tower.seed).permutation(users)[:most])

    def lists(
        vectors: npt.NDArray[np.float32],
        items: npt.NDArray[np.float32],
        candidates: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float64]:
        ranker = FactorRanker(items, candidates=candidates, threads=context.threads)
        exclude = None if settings.repurchase else seen.take(users[rows])
        best, _ = ranker.top_k(vectors, k=_K, exclude=exclude)
        return ranking_metrics(best, truth.take(users[rows]), ks=[_K])[f"ndcg@{_K}"]

    return Validation(users, lists, f"ndcg@{_K}")


def checkpoint_path(workspace: Workspace, dataset: str, snapshot: Snapshot) -> Path:
    """Where a training that was killed goes on from."""
    return workspace.cache / "twotower" / f"{dataset}_{snapshot}.pt"
