"""The loss against a loop, and what the correction is for."""

import numpy as np
import pytest
import torch

from recsys_cli.strategies.twotower.loss import sampled_softmax


def test_loss_equals_the_formula():
    rng = np.random.default_rng(1)
    users, items = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    expected = rng.random(5) + 0.1
    mask = np.zeros((3, 5), np.bool_)
    mask[0, 3] = mask[2, 0] = True
    total = 0.0
    for row in range(3):
        logits = 1.7 * items @ users[row] - np.log(expected)
        left = [np.exp(logits[c]) for c in range(5) if not mask[row, c]]
        total -= np.log(np.exp(logits[row]) / sum(left))
    got = sampled_softmax(
        torch.tensor(users), torch.tensor(items), scale=torch.tensor(1.7),
        log_expected=torch.tensor(np.log(expected)), mask=torch.tensor(mask),
    )  # fmt: skip
    assert float(got) == pytest.approx(total / 3, rel=1e-5)


@pytest.mark.slow
def test_correction_leaves_preferences_that_do_not_depend_on_popularity():
    """Positives drawn by popularity, negatives in-batch: corrected scores learn log p(i | u)."""
    torch.manual_seed(0)
    share = torch.tensor([0.6, 0.3, 0.1])
    learned = {}
    for corrected in (True, False):
        scores = torch.zeros(3, requires_grad=True)
        optimiser = torch.optim.Adam([scores], lr=0.05)
        generator = torch.Generator().manual_seed(1)
        for _ in range(300):
            items = torch.multinomial(share, 64, replacement=True, generator=generator)
            same = (items[:, None] == items[None]) & ~torch.eye(64, dtype=torch.bool)
            log_expected = torch.log(64 * share[items]) if corrected else torch.zeros(64)
            loss = sampled_softmax(
                torch.ones(64, 1), scores[items][:, None], scale=torch.tensor(1.0),
                log_expected=log_expected, mask=same,
            )  # fmt: skip
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        learned[corrected] = float((scores[0] - scores[2]).detach())
    assert learned[True] > learned[False] + 0.5
