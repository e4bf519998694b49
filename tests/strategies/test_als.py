import subprocess
import sys

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError, UsageError
from recsys_cli.events.interactions import Interactions
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.collab import AlsConfig, als
from recsys_cli.strategies.collab.als import AlsFactors, confidence_matrix, train_als

CONFIG = AlsConfig(factors=8, iterations=15, backend="cpu", regularization=0.01)


def interactions_of(weights):
    """Interactions with the non-NaN entries of a dense matrix as weights."""
    weights = np.asarray(weights, np.float32)
    seen = ~np.isnan(weights)
    pairs = int(seen.sum())
    return Interactions(
        indptr=np.concatenate(([0], np.cumsum(seen.sum(axis=1)))),
        indices=np.nonzero(seen)[1].astype(np.int32),
        weight=weights[seen],
        count=np.ones(pairs, np.uint32),
        last=np.zeros(pairs, np.uint32),
        reference=0,
        n_users=len(weights),
        n_items=weights.shape[1],
    )


def checkerboard(n=50):
    """Even users have every even item but their own, odd users every odd item."""
    board = np.full((n, n), np.nan)
    for user in range(n):
        board[user, user % 2 :: 2] = 1
        board[user, user] = np.nan
    return interactions_of(board)


def test_checkerboard():
    seen = checkerboard()
    model = train_als(seen, CONFIG.model_copy(update={"factors": 3}), threads=1)
    ranker = FactorRanker(model.item_factors)
    items, _ = ranker.top_k(model.user_factors, k=1, exclude=CSR(seen.indptr, seen.indices, 50))
    np.testing.assert_array_equal(items[:, 0], np.arange(50))


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    seen = checkerboard()
    first, second = (train_als(seen, CONFIG, threads=2) for _ in range(2))
    assert first.user_factors.tobytes() == second.user_factors.tobytes()
    assert first.item_factors.tobytes() == second.item_factors.tobytes()
    other = train_als(seen, CONFIG.model_copy(update={"seed": 1}), threads=2)
    assert other.item_factors.tobytes() != first.item_factors.tobytes()


def test_trains_on_a_memory_mapped_pack(tmp_path):
    seen = checkerboard()
    save_pack(tmp_path / "i.joblib", seen.to_pack(users_fingerprint="u", items_fingerprint="i"))
    mapped = Interactions.from_pack(load_pack(tmp_path / "i.joblib"))
    assert not mapped.indices.flags.writeable
    want, got = train_als(seen, CONFIG, threads=1), train_als(mapped, CONFIG, threads=1)
    assert got.item_factors.tobytes() == want.item_factors.tobytes()


def test_rows_without_a_positive_weight_are_zero_and_not_known():
    nan = np.nan
    seen = interactions_of([[1, 2, nan, 0], [nan, nan, nan, nan], [nan, 1, nan, nan], [0, 0, 0, 0]])
    model = train_als(seen, CONFIG, threads=1)
    assert model.user_known.tolist() == [True, False, True, False]
    assert model.item_known.tolist() == [True, True, False, False]
    assert not model.user_factors[[1, 3]].any()
    assert not model.item_factors[[2, 3]].any()
    assert model.user_factors[[0, 2]].any(axis=1).all()


def test_confidence_is_one_plus_alpha_times_weight():
    seen = interactions_of([[0.5, np.nan], [0, 2]])
    dense = confidence_matrix(seen, 4.0).toarray()
    assert dense.tolist() == [[3, 0], [0, 9]]
    assert seen.weight.tolist() == [0.5, 0, 2]


@pytest.mark.parametrize("weights", [np.zeros((0, 3)), np.full((2, 3), np.nan), np.zeros((2, 3))])
def test_nothing_to_learn_from_is_an_error(weights):
    with pytest.raises(TrainingError, match="no interactions"):
        train_als(interactions_of(weights), CONFIG)


def test_factors_that_are_not_finite_are_an_error():
    with pytest.raises(TrainingError, match="not finite"):
        train_als(interactions_of(np.full((3, 3), 1e30)), CONFIG)


def test_gpu_without_a_gpu_is_an_error_and_auto_uses_the_cpu(monkeypatch):
    monkeypatch.setattr(als, "_why_no_gpu", lambda: "no driver answers")
    with pytest.raises(UsageError, match="no driver answers") as caught:
        train_als(checkerboard(10), CONFIG.model_copy(update={"backend": "gpu"}))
    assert "implicit[gpu]" in caught.value.hint
    model = train_als(checkerboard(10), CONFIG.model_copy(update={"backend": "auto"}))
    assert model.origin == "implicit-cpu"


def test_progress_counts_iterations_and_says_what_ran():
    class Recorder:
        steps, lines = 0, ()

        def start(self, what, total=None):
            self.total = total

        def advance(self, steps=1):
            self.steps += steps

        def log(self, message):
            self.lines += (message,)

        def warn(self, message):
            raise AssertionError(message)

    recorder = Recorder()
    train_als(checkerboard(10), CONFIG, progress=recorder)
    assert recorder.steps == recorder.total == CONFIG.iterations
    assert "CPU" in recorder.lines[0]


def test_survives_saving_and_loading(tmp_path):
    model = train_als(checkerboard(10), CONFIG)
    save_pack(tmp_path / "als.joblib", model.to_pack(users_fingerprint="u", items_fingerprint="i"))
    pack = load_pack(tmp_path / "als.joblib")
    again = AlsFactors.from_pack(pack)
    for name in ("user_factors", "item_factors", "user_known", "item_known"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert (again.origin, again.alpha, pack["factors"]) == ("implicit-cpu", CONFIG.alpha, 8)


def test_first_training_of_a_process_warns_of_nothing():
    code = """
import numpy as np
from test_als import CONFIG, checkerboard
from recsys_cli.strategies.collab.als import train_als
train_als(checkerboard(10), CONFIG)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        check=False,
        env={"PYTHONPATH": str(__file__).rsplit("/", 1)[0]},
    )
    assert done.returncode == 0, done.stderr.decode()
