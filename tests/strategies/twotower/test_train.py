"""Batches, training, resuming, and carrying weights over."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_cli.encoders.torchload import pick_device
from recsys_cli.errors import ArtifactError, ConfigError
from recsys_cli.progress import Silent
from recsys_cli.strategies.twotower import fit as fitting
from recsys_cli.strategies.twotower.batches import Feeder
from recsys_cli.strategies.twotower.fit import Validation, fit_towers, pairs_before
from recsys_cli.strategies.twotower.loss import sampled_softmax
from recsys_cli.strategies.twotower.threads import one_thread
from recsys_cli.strategies.twotower.vectors import item_vectors, serve, user_vectors
from recsys_cli.strategies.twotower.view import view_of
from recsys_cli.strategies.twotower.weights import load_weights, save_weights, start_from
from strategies.twotower import world

FACTS = world.facts()


@pytest.fixture(autouse=True)
def threads():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def view():
    return world.view(world.events())


@pytest.fixture(scope="module")
def pairs(view):
    return pairs_before(view, FACTS, world.SETTINGS, folder=None, threads=1, progress=Silent())


def feeder(view, pairs, size=64):
    numbers, sales = view.shelf.tables(int(pairs.window.max()) + 1, folder=None)
    return Feeder(pairs, FACTS, numbers, sales, size=size, negatives=32, seed=5, device="cpu")


def movement(*, users=40):
    """How far users' vectors have come from ALS: nothing at step zero, more and more after it."""

    def lists(vectors, items, candidates, chosen):
        return np.abs(vectors[:, 8:-1]).sum(axis=1)

    return Validation(np.arange(users), lists, "movement")


def test_an_epoch_holds_every_pair_once_in_batches_of_one_window_and_fold(view, pairs):
    made = feeder(view, pairs)
    order = made.epoch(0)
    assert len(order) == made.per_epoch
    assert sorted(np.concatenate(order).tolist()) == list(range(len(pairs)))
    for rows in order:
        assert len(set(pairs.window[rows])) == len(set(pairs.fold[rows])) == 1
        assert len(rows) <= 64
    assert [r.tolist() for r in order] == [r.tolist() for r in made.epoch(0)]
    assert [r.tolist() for r in order] != [r.tolist() for r in made.epoch(1)]


def test_folds_see_no_factors_of_their_own_users(view, pairs):
    users = pairs.history.users[pairs.event]
    assert (users % 2 == pairs.fold).all()


def test_everything_in_a_step_is_on_the_device_that_was_asked_for(view, pairs):
    """Tensors on "meta" have no values, and like those on a GPU do not mix with the CPU's."""
    numbers, sales = view.shelf.tables(int(pairs.window.max()) + 1, folder=None)
    made = Feeder(
        pairs, FACTS, numbers, sales, size=64, negatives=32, seed=5, device="meta"
    )  # fmt: skip
    batch = made.batch(made.epoch(0)[0], 0)
    model = fitting._start(view, FACTS, world.SETTINGS).to("meta")
    users = model.users(batch.users, dropped=torch.rand(len(batch), device="meta") < 0.1)
    dropped = torch.rand(batch.mask.shape[1], device="meta") < 0.1
    items = model.items(batch.items, dropped=dropped)
    loss = sampled_softmax(
        users, items, scale=model.scale.exp(), log_expected=batch.log_expected, mask=batch.mask
    )
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert {g.device.type for g in gradients.values() if g is not None} == {"meta"}
    assert loss.device.type == "meta"


@pytest.mark.parametrize(("there", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch, there, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert str(pick_device("auto", config_line="[twotower] device")) == device


def test_masks_hide_what_the_user_has_in_the_window(view, pairs):
    made = feeder(view, pairs)
    rows = max(made.epoch(0), key=len)
    batch = made.batch(rows, 0)
    history = pairs.history
    users, items = history.users[pairs.event[rows]], history.item[pairs.event[rows]]
    rng = np.random.default_rng([5, 2, 0])
    candidates = np.concatenate([items, rng.integers(0, world.N_ITEMS, 32, np.int32)])
    window = (world.REFERENCE - 1 - history.time) // (world.DAYS * world.DAY)
    for row, user in enumerate(users):
        own = set(history.item[(history.users == user) & (window == pairs.window[rows[0]])])
        wanted = [c in own and at != row for at, c in enumerate(candidates)]
        assert batch.mask[row].tolist() == wanted
    share = np.bincount(items, minlength=world.N_ITEMS)  # at least these were expected
    assert (batch.log_expected.exp().numpy() > 32 / world.N_ITEMS - 1e-6).all()
    assert share.sum() == len(rows)


def fit(view, pairs, validation, **options):
    return fit_towers(view, pairs, FACTS, world.SETTINGS, validation, **options)


def bytes_of(model):
    return {name: values.numpy().tobytes() for name, values in model.state_dict().items()}


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(view, pairs, tmp_path: Path):
    undisturbed = fit(view, pairs, movement())
    assert undisturbed.outcome.steps > 8
    assert undisturbed.outcome.best_step > 0

    class Killed(Exception):
        pass

    validation, calls = movement(), []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise Killed
        return validation.lists(*arguments)

    checkpoint = tmp_path / "left.pt"
    with pytest.raises(Killed):
        fit(view, pairs, Validation(validation.users, dies, "share"), checkpoint=checkpoint)
    left = torch.load(checkpoint, weights_only=True)
    assert 0 < left["steps"] < undisturbed.outcome.steps
    torch.manual_seed(99)
    resumed = fit(view, pairs, validation, checkpoint=checkpoint)
    assert bytes_of(resumed.model) == bytes_of(undisturbed.model)
    assert resumed.outcome.curve == undisturbed.outcome.curve
    again = fit(view, pairs, validation)
    assert bytes_of(again.model) == bytes_of(undisturbed.model)


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_left_alone(view, pairs, tmp_path: Path):
    checkpoint = tmp_path / "left.pt"
    torch.save({"key": "another", "steps": 7}, checkpoint)
    assert bytes_of(fit(view, pairs, movement(), checkpoint=checkpoint).model) == bytes_of(
        fit(view, pairs, movement()).model
    )
    checkpoint.write_bytes(b"half a file")
    fit(view, pairs, movement(), checkpoint=checkpoint)


def test_nothing_worse_than_als_is_served(view, pairs):
    known = view.users.known

    def only_als(vectors, items, candidates, chosen):
        return np.full(len(vectors), float(vectors.shape[1] <= 8))

    fitted = fit(view, pairs, Validation(np.arange(world.N_USERS), only_als, "share"))
    assert fitted.als_only
    made = serve(fitted, view, FACTS, world.SETTINGS)
    np.testing.assert_array_equal(made.user_known, known)
    np.testing.assert_array_equal(made.item_known, view.items.known)
    np.testing.assert_array_equal(made.users[:, :8], view.users.factors)


def test_the_best_check_is_kept(view, pairs):
    fitted = fit(view, pairs, movement())
    curve = fitted.outcome.curve
    assert curve[0]["step"] == 0
    assert fitted.outcome.best == max(entry["metric"] for entry in curve) > 0
    assert fitted.outcome.best_step > 0
    assert curve[-1]["loss"] < curve[1]["loss"]
    users = user_vectors(fitted.model, view, FACTS, world.SETTINGS, np.arange(40))
    assert np.abs(users[:, 8:-1]).sum(axis=1).mean() == pytest.approx(fitted.outcome.best)


def test_vectors_do_not_depend_on_the_basis_of_the_served_factors(view, pairs):
    """A rotated ALS of the same events is the same ALS."""
    fitted = fit(view, pairs, movement())
    factors = world.als_of(view.history)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(8, 8)))[0].astype(np.float32)
    turned = type(factors)(
        factors.user_factors @ rotation, factors.item_factors @ rotation, factors.user_known,
        factors.item_known, factors.regularization, factors.alpha, factors.origin,
    )  # fmt: skip
    seen = view_of(
        view.history, turned, FACTS, world.SETTINGS, reference=world.REFERENCE, like=view.items
    )
    a, b = (serve(fitted, v, FACTS, world.SETTINGS) for v in (view, seen))
    np.testing.assert_allclose(a.users @ a.items.T, b.users @ b.items.T, atol=2e-4)


def test_vectors_are_the_same_in_blocks(view, pairs, monkeypatch):
    fitted = fit(view, pairs, movement())
    users = np.arange(world.N_USERS)
    whole = user_vectors(fitted.model, view, FACTS, world.SETTINGS, users)
    items = item_vectors(fitted.model, view, FACTS)
    monkeypatch.setattr(fitting, "_BLOCK", 7)
    parts = user_vectors(fitted.model, view, FACTS, world.SETTINGS, users)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    np.testing.assert_allclose(item_vectors(fitted.model, view, FACTS), items, atol=1e-5)


@pytest.mark.slow
def test_weights_survive_saving_and_start_another_dataset(view, pairs, tmp_path: Path):
    fitted = fit(view, pairs, movement())
    path = tmp_path / "two_tower_a.pt"
    save_weights(path, fitted.model, {"dataset": "a"})
    shape, weights, about = load_weights(path)
    assert (shape, about) == (fitted.model.shape, {"dataset": "a"})
    assert bytes_of(fitted.model) == {n: w.numpy().tobytes() for n, w in weights.items()}
    other = fitting._start(view, FACTS, world.SETTINGS)
    start_from(other, path)
    assert torch.equal(other.last.weight, fitted.model.last.weight)
    tables = other.item.code_tables[0].weight
    assert not torch.equal(tables, fitted.model.item.code_tables[0].weight)
    warm = fit(view, pairs, movement(), init_from=path)
    assert warm.outcome.curve[0]["metric"] != fitted.outcome.curve[0]["metric"]


def test_weights_that_do_not_fit_say_what_must_match(view, tmp_path: Path):
    from dataclasses import replace

    from recsys_cli.strategies.twotower.model import TwoTower

    model = fitting._start(view, FACTS, world.SETTINGS)
    path = tmp_path / "two_tower_b.pt"
    save_weights(path, TwoTower(replace(model.shape, factors=16, hidden=32)), {})
    with pytest.raises(ConfigError, match=r"factors \(16 there, 8 here: als.factors\)") as error:
        start_from(model, path)
    assert "--set als.factors=16" in (error.value.hint or "")
    path.write_bytes(b"something else")
    with pytest.raises(ArtifactError, match="holds no two-tower weights"):
        start_from(model, path)
    with pytest.raises(ArtifactError, match="does not exist"):
        start_from(model, tmp_path / "none.pt")


def test_weights_that_would_run_code_are_refused(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"shape": Evil(), "weights": {}, "about": {}}, tmp_path / "evil.pt")
    with pytest.raises(ArtifactError):
        load_weights(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
