"""The stages of the hybrid: statistics of items and users, settings of the blend, the ranker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.build.stage import Context, Facts, Stage
from recsys_cli.config.load import section_for
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.store.kinds import ARTIFACTS
from recsys_cli.strategies.hybrid import SWITCH
from recsys_cli.strategies.hybrid.sources import all_sources

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from recsys_cli.csr import CSR
    from recsys_cli.strategies.hybrid.training import Groups

_MOST_WINDOWS = 9


def hybrid_stages() -> list[Stage]:
    """statistics, hybrid.blend and hybrid.train."""
    per_snapshot, shared = _read_by_sources()
    return [
        Stage(
            name="statistics",
            summary="counts, trend, recency and value of items and users",
            inputs=("events", "returned", "items", "ids", "spec", "interactions"),
            outputs=("statistics",),
            sections=(),
            run=_statistics,
            version=2,
        ),
        Stage(
            name="hybrid.blend",
            summary="sources and weights of the hybrid without a ranker",
            inputs=("interactions",),
            outputs=("hybrid",),
            sections=("hybrid.candidates", "hybrid.weights"),
            run=_blend,
        ),
        Stage(
            name="hybrid.train",
            summary="what users had in past windows to a ranker of candidates",
            inputs=("events", "returned", "ids", "spec", *shared, *per_snapshot),
            outputs=("ranker", "ranker_facts"),
            sections=("hybrid",),
            run=_train,
            version=5,
            earlier=tuple(
                (kind, windows) for windows in range(1, _MOST_WINDOWS + 1) for kind in per_snapshot
            ),
            look_back=lambda config, dataset: section_for(config, "hybrid", dataset).windows + 1,
            switch=SWITCH,
        ),
    ]


def _read_by_sources() -> tuple[list[str], list[str]]:
    """The kinds of artifact behind all sources: those of a snapshot, and those shared by all."""
    needs = [kind for source in all_sources().values() for kind in source.needs]
    kinds = dict.fromkeys(["interactions", "popular", "statistics", *needs])
    own = [kind for kind in kinds if ARTIFACTS[kind].per_snapshot]
    return own, [kind for kind in kinds if kind not in own]


def _statistics(context: Context) -> Facts:
    import polars as pl

    from recsys_cli.events.interactions import Interactions
    from recsys_cli.store.packs import save_pack
    from recsys_cli.strategies.hybrid.statistics import build_statistics

    pack = context.pack("interactions")
    spec = context.spec
    columns = [*spec.category_columns, *([spec.variant_column] if spec.variant_column else [])]
    statistics = build_statistics(
        context.snapshot.filter(context.events()),
        pl.read_parquet(context.input("items"), columns=list(dict.fromkeys(columns))),
        interactions=Interactions.from_pack(pack),
        spec=spec,
    )
    fingerprints = fingerprints_of(pack)
    save_pack(context.output("statistics"), statistics.to_pack(**fingerprints))
    return {"categories": len(statistics.categories), **fingerprints}


def _blend(context: Context) -> Facts:
    from recsys_cli.store.packs import save_pack

    config = context.section("hybrid")
    pack = context.pack("interactions")
    settings = {"candidates": dict(config.candidates), "weights": dict(config.weights)}
    made = settings | {"reference": pack["reference"]} | fingerprints_of(pack)
    save_pack(context.output("hybrid"), made)
    return fingerprints_of(pack)


def _train(context: Context) -> Facts:
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.store.files import write_json
    from recsys_cli.strategies.hybrid.build import open_features, sources_there
    from recsys_cli.strategies.hybrid.training import train_ranker

    config = context.section("hybrid")
    now = Artifacts(context.workspace, context.dataset, context.snapshot)
    # What a stage that is off left behind is not there at earlier snapshots.
    on = {kind for kind, _ in context.reads}
    lengths = sources_there(now, config.candidates, kinds_known=on)
    random = bool(context.earlier(1).leave_random)
    told = {"learned_from": "random pairs held out"} if random else {}
    windows = [_groups(context, ago, lengths) for ago in range(config.windows + 1, 0, -1)]
    if random:
        # Further rounds hold pairs out only of users with many, of whom there may be none.
        windows = [groups for groups in windows if len(groups.sizes)] or windows
    names = open_features(now, lengths)[1].names
    trained = train_ranker(
        windows[:-1],
        windows[-1],
        names,
        config,
        threads=context.threads,
        random=random,
        progress=context.progress,
    )
    context.output("ranker").write_text(trained.text, encoding="utf-8")
    facts = {
        "sources": [[name, length] for name, length in lengths.items()],
        "features": names,
        "rounds": trained.rounds,
        "validation_map": trained.validation,
        "gains": [[name, share] for name, share in trained.gains.items()],
        "windows": [groups.facts() for groups in windows],
    }
    write_json(context.output("ranker_facts"), facts | told)
    return {
        "features": len(names),
        "rounds": trained.rounds,
        "groups": sum(len(groups.sizes) for groups in windows),
        "validation_map": f"{trained.validation:.4f}",
        "candidate_recall": f"{windows[-1].facts()['recall']:.3f}",
        "seed": config.seed,
        **told,
        **fingerprints_of(now.pack("interactions")),
    }


def _groups(context: Context, ago: int, lengths: dict[str, int]) -> Groups:
    """Training rows of the window that begins `ago` windows before this snapshot."""
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.events.labels import window_labels
    from recsys_cli.strategies.hybrid.build import open_features
    from recsys_cli.strategies.hybrid.training import build_groups

    start, end = context.window(ago)
    artifacts = Artifacts(context.workspace, context.dataset, start)
    recall, features = open_features(artifacts, lengths)
    history = Interactions.from_pack(artifacts.pack("interactions")).items
    truth = window_labels(context.events(), context.spec, start=start, end=end, history=history)
    users = _sample(truth, history, context, ago)
    return build_groups(
        recall, features, truth, users, threads=context.threads, progress=context.progress
    )


def _sample(truth: CSR, history: CSR, context: Context, ago: int) -> npt.NDArray[np.int32]:
    """Users with history and a relevant item, at most as many as the config says."""
    import numpy as np

    config = context.section("hybrid")
    had = np.diff(history.indptr) > 0
    users = np.flatnonzero((np.diff(truth.indptr) > 0) & had).astype(np.int32)
    if len(users) > config.users_per_window:
        rng = np.random.default_rng([config.seed, ago])
        users = np.sort(rng.choice(users, config.users_per_window, replace=False))
    return users
