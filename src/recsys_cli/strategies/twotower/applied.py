"""The stage from towers to vectors: the towers of a past moment, applied to what is known now."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recsys_cli.build.stage import FITTED, Context, Facts
from recsys_cli.errors import ArtifactError, Command
from recsys_cli.moments import seconds_at
from recsys_cli.store.files import write_json
from recsys_cli.store.idtable import fingerprints_of
from recsys_cli.strategies.twotower.known import (
    facts_now,
    history_of,
    settings_of,
    with_torch,
)

if TYPE_CHECKING:
    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower.fit import Fitted
    from recsys_cli.strategies.twotower.moments import Moment
    from recsys_cli.strategies.twotower.vectors import TowerVectors

FITTED_KINDS = ("two_tower_weights", "two_tower_basis", "two_tower_fit", "two_tower_facts")
"""What is made where the towers are trained."""
_IN_MEMORY = 1 << 30


def train(context: Context) -> Facts:
    """Apply the towers to the snapshot, and export vectors of all users and items."""
    return with_torch(_apply, context)


def _apply(context: Context) -> Facts:
    from recsys_cli.evaluation.report.page import render_curves
    from recsys_cli.evaluation.report.training import training_lines
    from recsys_cli.store.packs import save_pack
    from recsys_cli.strategies.collab.als import AlsFactors
    from recsys_cli.strategies.twotower.moments import Moment
    from recsys_cli.strategies.twotower.threads import one_thread
    from recsys_cli.strategies.twotower.userside import user_side
    from recsys_cli.strategies.twotower.vectors import serve
    from recsys_cli.strategies.twotower.view import view_of

    weights, _, outline, learned = (_fitted_input(context, kind) for kind in FITTED_KINDS)
    told = json.loads(outline.read_text(encoding="utf-8"))
    curve = told["curve"]
    fitted = _fitted(weights, als_only=curve["als_only"], new_users=told["new_users"])
    interactions = context.pack("interactions")
    basis = context.past_pack("two_tower_basis", FITTED, like=interactions)
    like = Moment(basis["item_factors"], basis["item_known"])
    whole, facts = history_of(context, interactions), facts_now(context, learned)
    now = AlsFactors.from_pack(context.pack("als"))
    _same_factors(now, like)
    settings = settings_of(context, timedelta(seconds=told["window_seconds"]))
    reference = int(interactions["reference"])
    as_of = context.snapshot.as_of
    with one_thread():
        moment = seconds_at(as_of) if as_of else reference
        view = view_of(whole, now, facts, settings, reference=moment, like=like)
        out = _room(context, whole.n_users, fitted.model.shape.vector)
        vectors = serve(fitted, view, facts, settings, out=out)
    fingerprints = fingerprints_of(interactions)
    side = user_side(fitted, view, facts, now, settings.tower)
    save_pack(context.output("two_tower_user_side"), side.to_pack(**fingerprints))
    _save_vectors(context, vectors, reference, fingerprints)
    shutil.copyfile(weights, context.output("two_tower"))
    write_json(context.output("two_tower_curve"), curve)
    plot = render_curves(training_lines(curve))
    context.output("two_tower_plot").write_text(plot, encoding="utf-8")
    return {
        "serves": "ALS" if fitted.als_only else "towers",
        "serves_new_users": "yes" if fitted.new_users else "no",
        "dim": fitted.model.shape.vector,
        **fingerprints,
    }


def _fitted_input(context: Context, kind: str) -> Path:
    path = context.past_input(kind, FITTED)
    if path is None:
        raise ArtifactError("there are no towers to apply", hint=Command("build", "all"))
    return path


def _fitted(path: Path, *, als_only: bool, new_users: bool) -> Fitted:
    """The towers of a file."""
    from recsys_cli.strategies.twotower.fit import Fitted
    from recsys_cli.strategies.twotower.model import TwoTower
    from recsys_cli.strategies.twotower.train import Outcome
    from recsys_cli.strategies.twotower.weights import load_weights

    shape, weights, _ = load_weights(path)
    model = TwoTower(shape)
    model.load_state_dict(weights)
    return Fitted(model, Outcome(), 0.0, new_users=new_users, als_only=als_only)


def _same_factors(now: AlsFactors, like: Moment) -> None:
    then = like.factors.shape[1]
    if now.factors != then:
        raise ArtifactError(
            f"there are {now.factors} ALS factors now and {then} where the towers were trained",
            hint=(
                Command("build", "all", "--set", f"als.factors={now.factors}"),
                ", or import factors of both",
            ),
        )


def _room(context: Context, n: int, dim: int) -> npt.NDArray[np.float32] | None:
    """A file to put large user vectors in, so that they need no memory."""
    if n * dim * np.dtype(np.float32).itemsize <= _IN_MEMORY:
        return None
    file = context.staging / "two_tower_vectors.scratch"
    return np.asarray(np.lib.format.open_memmap(file, "w+", np.float32, (n, dim)))


def _save_vectors(
    context: Context, vectors: TowerVectors, reference: int, fingerprints: dict[str, str]
) -> None:
    from recsys_cli.store.packs import save_pack

    save_pack(
        context.output("two_tower_vectors"),
        {
            "user_vectors": vectors.users,
            "item_vectors": vectors.items,
            "user_known": vectors.user_known,
            "item_known": vectors.item_known,
            "reference": reference,
            **fingerprints,
        },
    )
