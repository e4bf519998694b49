import subprocess
import sys

import numpy as np
import pytest

from recsys_cli.csr import CSR
from recsys_cli.events.interactions import Interactions
from recsys_cli.store.packs import load_pack, save_pack
from recsys_cli.strategies.content import uservectors
from recsys_cli.strategies.content.uservectors import (
    UserVectors,
    mean_vectors,
    user_vectors,
    vector_of,
)

DAY = 86_400
REFERENCE = 1_600_000_000
N_ITEMS, DIM = 30, 6


def interactions(rows, *, n_items=N_ITEMS, timeless=False):
    """From one list of (item, weight, age in days) per user."""
    entries = [sorted(user) for user in rows]
    flat = [entry for user in entries for entry in user]
    last = [0 if timeless else REFERENCE - int(age * DAY) for _, _, age in flat]
    return Interactions(
        indptr=np.concatenate([[0], np.cumsum([len(u) for u in entries])]).astype(np.int64),
        indices=np.array([i for i, _, _ in flat], np.int32),
        weight=np.array([w for _, w, _ in flat], np.float32),
        count=np.ones(len(flat), np.uint32),
        last=np.array(last, np.uint32),
        reference=0 if timeless else REFERENCE,
        n_users=len(entries),
        n_items=n_items,
    )


def random_history(n_users, *, seed=0):
    rng = np.random.default_rng(seed)
    return interactions(
        [
            [
                (int(i), float(rng.uniform(0.5, 4)), float(rng.uniform(0, 400)))
                for i in rng.choice(N_ITEMS, rng.integers(0, 9), replace=False)
            ]
            for _ in range(n_users)
        ]
    )


def brute(history, vectors, half_life_days):
    out = np.zeros((history.n_users, vectors.shape[1]))
    for user in range(history.n_users):
        for at in range(history.indptr[user], history.indptr[user + 1]):
            age = (history.reference - int(history.last[at])) / DAY
            decay = 1 if half_life_days is None else 0.5 ** (age / half_life_days)
            out[user] += history.weight[at] * decay * vectors[history.indices[at]].astype(float)
        norm = np.linalg.norm(out[user])
        out[user] /= norm or 1
    return out


@pytest.fixture
def vectors():
    rows = np.random.default_rng(3).normal(size=(N_ITEMS, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[7] = 0
    return rows


@pytest.mark.parametrize("half_life_days", [None, 30.0])
@pytest.mark.parametrize("few_pairs", [0, 10**9])
def test_equals_the_formula_written_out(vectors, half_life_days, few_pairs, monkeypatch):
    monkeypatch.setattr(uservectors, "_FEW_PAIRS", few_pairs)
    history = random_history(50)
    got = user_vectors(history, vectors, half_life_days=half_life_days)
    np.testing.assert_allclose(
        got.vectors, brute(history, vectors, half_life_days), rtol=1e-5, atol=1e-6
    )
    assert got.vectors.dtype == np.float32
    assert got.reference == REFERENCE
    np.testing.assert_array_equal(got.known, np.diff(history.indptr) > 0)


def test_a_half_life_halves(vectors):
    history = interactions([[(0, 1.0, 0.0), (1, 4.0, 20.0)]])
    got = user_vectors(history, vectors, half_life_days=10).vectors[0]
    want = vectors[0] + vectors[1]  # 4 · 0.5²
    np.testing.assert_allclose(got, want / np.linalg.norm(want), atol=1e-6)


def test_users_whose_items_have_no_vector_are_not_known(vectors):
    history = interactions([[(7, 1.0, 0.0)], [], [(7, 5.0, 0.0), (2, 1.0, 90.0)], [(3, 0.0, 1.0)]])
    got = user_vectors(history, vectors, half_life_days=1)
    assert got.known.tolist() == [False, False, True, False]
    assert not got.vectors[[0, 1, 3]].any()
    np.testing.assert_allclose(got.vectors[2], vectors[2], atol=1e-6)


def test_an_old_history_does_not_fade_to_nothing(vectors):
    history = interactions([[(0, 1.0, 5000.0), (1, 2.0, 5001.0)]])
    got = user_vectors(history, vectors, half_life_days=1)
    want = vectors[0] + vectors[1]
    np.testing.assert_allclose(got.vectors[0], want / np.linalg.norm(want), atol=1e-6)


def test_without_times_nothing_decays(vectors):
    rows = [[(0, 1.0, 0.0), (1, 1.0, 300.0)]]
    got = user_vectors(interactions(rows, timeless=True), vectors, half_life_days=3)
    want = user_vectors(interactions(rows), vectors, half_life_days=None)
    np.testing.assert_array_equal(got.vectors, want.vectors)


def test_threads_and_scratch_files_change_nothing(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(uservectors, "_BLOCK", 16)
    history = random_history(200)
    want = user_vectors(history, vectors, half_life_days=30, threads=1)
    ids = {"users_fingerprint": "u", "items_fingerprint": "i"}
    save_pack(tmp_path / "memory.joblib", want.to_pack(**ids))
    monkeypatch.setattr(uservectors, "_IN_MEMORY", 0)
    got = user_vectors(history, vectors, half_life_days=30, threads=3, scratch=tmp_path)
    save_pack(tmp_path / "file.joblib", got.to_pack(**ids))
    assert (tmp_path / uservectors.SCRATCH).exists()
    assert (tmp_path / "file.joblib").read_bytes() == (tmp_path / "memory.joblib").read_bytes()


def test_somebody_new_gets_what_a_user_with_that_history_has(vectors):
    history = random_history(40)
    known = user_vectors(history, vectors, half_life_days=None)
    for user in np.flatnonzero(known.known):
        span = slice(history.indptr[user], history.indptr[user + 1])
        order = np.random.default_rng(user).permutation(span.stop - span.start)
        items, weights = history.indices[span][order], history.weight[span][order]
        got = vector_of(items, vectors, weights)
        np.testing.assert_allclose(got, known.vectors[user], atol=1e-6)


def test_likes_and_dislikes(vectors):
    got = vector_of([0, 1, 0], vectors, [1, -1, 1])
    want = 2 * vectors[0] - vectors[1]
    np.testing.assert_allclose(got, want / np.linalg.norm(want), atol=1e-6)
    assert not vector_of([4, 4], vectors, [1, -1]).any()
    assert not vector_of([7], vectors).any()
    assert not vector_of([], vectors).any()
    np.testing.assert_allclose(vector_of([5], vectors), vectors[5], atol=1e-6)


def test_likes_and_dislikes_that_cancel_out_point_nowhere():
    rows = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[1] = rows[0] * np.float32(1 - 1e-7)
    history = CSR(np.array([0, 2]), np.array([0, 1], np.int32), 3, np.array([1, -1], np.float32))
    assert not mean_vectors(history, rows).any()


def test_impossible_input_is_refused(vectors):
    with pytest.raises(ValueError, match="30 items"):
        user_vectors(random_history(3), vectors[:-1], half_life_days=None)
    with pytest.raises(ValueError, match="between 0 and 29"):
        vector_of([30], vectors)
    with pytest.raises(ValueError, match="between 0 and 29"):
        vector_of([-1], vectors)
    with pytest.raises(ValueError, match="weights"):
        vector_of([1, 2], vectors, [1])


def test_pack_round_trip(vectors, tmp_path):
    got = user_vectors(random_history(9), vectors, half_life_days=30)
    save_pack(tmp_path / "u.joblib", got.to_pack(users_fingerprint="u", items_fingerprint="i"))
    pack = load_pack(tmp_path / "u.joblib")
    assert (pack["users_fingerprint"], pack["items_fingerprint"]) == ("u", "i")
    back = UserVectors.from_pack(pack)
    np.testing.assert_array_equal(back.vectors, got.vectors)
    np.testing.assert_array_equal(back.known, got.known)
    assert back.reference == REFERENCE


def test_somebody_new_costs_no_import_of_scipy():
    script = (
        "import sys, numpy as np; from recsys_cli.strategies.content.uservectors import vector_of;"
        "vector_of([1], np.eye(3, dtype=np.float32));"
        "sys.exit(bool({'scipy', 'polars', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
