"""What the two-tower's stages do: each reads its inputs, calls the library, writes its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.build.stage import Context, Facts
from recsys_cli.errors import ArtifactError, Command, ConfigError, missing_library
from recsys_cli.moments import seconds_at
from recsys_cli.store.files import write_json
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.snapshot import events_between
from recsys_cli.strategies.base import installed

if TYPE_CHECKING:
    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower.fit import Validation
    from recsys_cli.strategies.twotower.history import OrderedEvents
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts
    from recsys_cli.strategies.twotower.vectors import TowerVectors
    from recsys_cli.strategies.twotower.view import Settings, View

_K = 12
_MOST_VALUES = 16
_IN_MEMORY = 1 << 30


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


def _sizes(context: Context) -> tuple[int, int, dict[str, str]]:
    """Users, items and what ties packs to them."""
    from recsys_cli.store.packs import load_pack

    ids = load_pack(context.input("ids"))
    return len(ids["user_offsets"]) - 1, len(ids["item_offsets"]) - 1, fingerprints_of(ids)


def pairs(context: Context) -> Facts:
    """Write the snapshot's events by user and time, those of its last window apart."""
    import polars as pl

    from recsys_cli.strategies.twotower.history import TRAIN, VALIDATION
    from recsys_cli.strategies.twotower.pairs import pairs_of, write_pairs

    n_users, _, fingerprints = _sizes(context)
    events, earlier = pl.scan_parquet(context.input("events")), context.earlier(1)
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


def train(context: Context) -> Facts:
    """Train the towers as of one window ago, and export vectors as of the snapshot."""
    from threadpoolctl import threadpool_limits

    # Other numbers of threads, which the environment may set, add up in another order.
    with threadpool_limits(1, "blas"):
        return _train(context)


def _train(context: Context) -> Facts:
    if not installed("torch"):
        raise missing_library("the two-tower", "torch", extra="twotower")
    from recsys_cli.encoders.torchload import pick_device
    from recsys_cli.evaluation.report.page import render_curves
    from recsys_cli.evaluation.report.training import training_lines
    from recsys_cli.strategies.twotower.fit import fit_towers, pairs_before
    from recsys_cli.strategies.twotower.threads import one_thread
    from recsys_cli.strategies.twotower.vectors import serve
    from recsys_cli.strategies.twotower.view import view_of
    from recsys_cli.strategies.twotower.weights import save_weights

    whole = _history(context)
    settings = _settings(context, whole.only(~whole.validation))
    device = str(pick_device(settings.tower.device, config_line="[twotower] device"))
    facts = _facts(context)
    now, past = _als(context, 0), _als(context, 1)
    _same_factors(now, past)
    served_at, reference = _moments(context)
    with one_thread():
        view = view_of(whole.only(~whole.validation), past, facts, settings, reference=reference)
        known = pairs_before(
            view, facts, settings, folder=context.staging, threads=context.threads,
            progress=context.progress,
        )  # fmt: skip
        checkpoint = _checkpoint(context)
        fitted = fit_towers(
            view, known, facts, settings, _validation(context, view, settings),
            init_from=init_path(context.workspace.root, settings.tower.init_from),
            folder=context.staging, checkpoint=checkpoint, device=device,
            progress=context.progress,
        )  # fmt: skip
        served = view_of(whole, now, facts, settings, reference=served_at, like=view.items)
        out = _room(context, whole.n_users, fitted.model.shape.vector)
        vectors = serve(fitted, served, facts, settings, out=out)
    outcome = fitted.outcome
    curve = {
        "metric": f"ndcg@{_K}",
        "als": fitted.als if outcome.steps else None,
        "best": outcome.best if outcome.steps else None,
        "best_step": outcome.best_step,
        "als_only": fitted.als_only,
        "checks": outcome.curve,
    }
    save_weights(
        context.output("two_tower"),
        fitted.model,
        {"dataset": context.dataset, "config": settings.tower.model_dump(mode="json")},
    )
    fingerprints = _sizes(context)[2]
    _save_vectors(context, vectors, now, fingerprints)
    write_json(context.output("two_tower_curve"), curve)
    plot = render_curves(training_lines(curve))
    context.output("two_tower_plot").write_text(plot, encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    learning = outcome.seconds.get("feeding", 0.0) + outcome.seconds.get("learning", 0.0)
    return {
        "pairs": len(known),
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "validation_ndcg": f"{outcome.best:.4f}",
        "als_ndcg": f"{fitted.als:.4f}",
        "serves": "ALS" if fitted.als_only else "towers",
        "serves_new_users": "yes" if fitted.new_users else "no",
        "dim": fitted.model.shape.vector,
        "pairs_per_second": round(outcome.pairs / learning) if learning else 0,
        "seconds_by_part": {part: round(s, 2) for part, s in sorted(outcome.seconds.items())},
        "device": device,
        "torch_threads": 1,
        "seed": settings.tower.seed,
        **fingerprints,
    }


def _settings(context: Context, learned: OrderedEvents) -> Settings:
    from recsys_cli.strategies.twotower.trends import window_length
    from recsys_cli.strategies.twotower.view import Settings

    tower = context.section("twotower")
    return Settings(
        tower=tower,
        als=context.section("als"),
        interactions=context.section("interactions"),
        window=window_length(learned, context.spec.horizon, folds=tower.folds),
        repurchase=context.spec.repurchase,
    )


def _history(context: Context) -> OrderedEvents:
    from recsys_cli.strategies.twotower.history import read_history

    n_users, n_items, _ = _sizes(context)
    parts = [context.input("train_pairs"), context.input("validation_pairs")]
    return read_history(parts, n_users=n_users, n_items=n_items)


def _als(context: Context, windows_ago: int) -> AlsFactors:
    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.collab.als import AlsFactors

    return AlsFactors.from_pack(load_pack(context.input("als", windows_ago=windows_ago)))


def _same_factors(now: AlsFactors, past: AlsFactors) -> None:
    if now.factors != past.factors:
        raise ArtifactError(
            f"there are {now.factors} ALS factors now and {past.factors} a window earlier",
            hint=(
                Command("build", "all", "--set", f"als.factors={now.factors}"),
                ", or import factors of both",
            ),
        )


def _moments(context: Context) -> tuple[int, int]:
    """The snapshot's moment and that of the one before, in seconds since 1970."""
    from recsys_cli.store.packs import load_pack

    earlier = context.earlier(1)
    if earlier.as_of is None:
        # Leave-last-out holds events of all times out, so both are where the events end.
        end = int(load_pack(context.input("interactions"))["reference"])
        return end, end
    return seconds_at(earlier.as_of + context.spec.horizon), seconds_at(earlier.as_of)


def _facts(context: Context) -> KnownFacts:
    import polars as pl

    from recsys_cli.store.packs import load_pack
    from recsys_cli.strategies.twotower.features import column_codes, reduced
    from recsys_cli.strategies.twotower.inputs import Facts as KnownFacts

    n_users, n_items, _ = _sizes(context)
    spec, config = context.spec, context.section("twotower")
    content = context.inputs("content").get(context.dataset)
    vectors = load_pack(content)["vectors"] if content else None
    own = list(dict.fromkeys([*spec.segment_columns, *spec.user_columns]))
    users = pl.read_parquet(context.input("users"), columns=own)
    items = pl.read_parquet(context.input("items"), columns=spec.category_columns)
    user_codes = column_codes(users, own, n=n_users, most=_MOST_VALUES)
    segment, segments = np.zeros(n_users, np.int16), 0
    if spec.segment_columns and spec.segment_columns[0] in user_codes.names:
        at = user_codes.names.index(spec.segment_columns[0])
        segment, segments = user_codes.codes[:, at].astype(np.int16), user_codes.sizes[at] - 1
    return KnownFacts(
        content=reduced(vectors, dim=config.content_dim, n_items=n_items),
        items=column_codes(items, spec.category_columns, n=n_items, most=config.max_codes),
        users=user_codes,
        segment=segment,
        segments=segments,
    )


def _validation(context: Context, view: View, settings: Settings) -> Validation:
    """Who had what in the window after the reference, as evaluation would have it."""
    from recsys_cli.events.labels import window_labels
    from recsys_cli.ranking.metrics import ranking_metrics
    from recsys_cli.ranking.topk import FactorRanker
    from recsys_cli.strategies.twotower.fit import Validation

    seen = view.history.pairs()
    truth = window_labels(
        context.events(),
        context.spec,
        start=context.earlier(1),
        end=context.snapshot,
        history=seen,
    )
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


def _checkpoint(context: Context) -> Path:
    folder = context.workspace.cache / "twotower"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{context.dataset}_{context.snapshot}.pt"


def _room(context: Context, n: int, dim: int) -> npt.NDArray[np.float32] | None:
    """A file to put large user vectors in, so that they need no memory."""
    if n * dim * np.dtype(np.float32).itemsize <= _IN_MEMORY:
        return None
    file = context.staging / "two_tower_vectors.scratch"
    return np.asarray(np.lib.format.open_memmap(file, "w+", np.float32, (n, dim)))


def _save_vectors(
    context: Context, vectors: TowerVectors, als: AlsFactors, fingerprints: dict[str, Any]
) -> None:
    from recsys_cli.store.packs import load_pack, save_pack

    save_pack(
        context.output("two_tower_vectors"),
        {
            "user_vectors": vectors.users,
            "item_vectors": vectors.items,
            "user_known": vectors.user_known,
            "item_known": vectors.item_known,
            # Up to when events were seen, which for "now" is the last one and not midnight.
            "reference": int(load_pack(context.input("interactions"))["reference"]),
            **fingerprints,
        },
    )
