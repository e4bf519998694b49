import numpy as np
import pytest

from recsys_cli.ranking.topk.balance import Basis
from recsys_cli.ranking.topk.scoring import moved, upper_norms


def spread(rng, n, scales):
    """Rows whose directions have standard deviations `scales`, in a random basis."""
    rotation = np.linalg.qr(rng.normal(size=(len(scales), len(scales))))[0]
    return (rng.normal(size=(n, len(scales))) * scales @ rotation).astype(np.float32)


def test_inner_products_stay_and_the_bound_on_them_falls():
    rng = np.random.default_rng(1)
    users, items = spread(rng, 500, [9, 3, 1, 0.2]), spread(rng, 700, [5, 5, 0.1, 0.1])
    basis = Basis.balancing(users, items)
    new_users, new_items = moved(users, basis.users), moved(items, basis.items)
    lengths = np.outer(upper_norms(users), upper_norms(items))
    new_lengths = np.outer(upper_norms(new_users), upper_norms(new_items))
    exact = users.astype(np.float64) @ items.T.astype(np.float64)
    wide = (users.astype(np.float64) @ basis.users) @ (items.astype(np.float64) @ basis.items).T
    assert (np.abs(wide - exact) <= basis.distortion * lengths).all()
    assert basis.distortion < 1e-9
    assert (new_users @ new_items.T <= new_lengths * (1 + 1e-6)).all()
    assert np.median(new_lengths) < 0.8 * np.median(lengths)


@pytest.mark.parametrize("empty", ["users", "items", "both"])
def test_vectors_without_length_leave_the_basis_alone(empty):
    full, zero = np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)
    users, items = (zero if empty in (side, "both") else full for side in ("users", "items"))
    basis = Basis.balancing(users, items)
    np.testing.assert_array_equal(basis.users, np.eye(2))
    assert basis.distortion == 0


def test_vectors_in_few_directions_keep_the_basis_well_conditioned():
    line = np.outer(np.arange(5), np.ones(6)).astype(np.float32)
    basis = Basis.balancing(line, line)
    assert np.isfinite(basis.users).all()
    assert basis.distortion < 1e-6
