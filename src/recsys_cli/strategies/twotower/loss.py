"""Sampled softmax over the batch's own items and items drawn uniformly, corrected for both.

In-batch negatives come as often as they are bought, which would teach the towers to dislike what
sells; so each candidate's logit is lowered by the log of its expected count among the candidates
(Yi et al., RecSys 2019). Items that hardly sell never come up in a batch, so as many are drawn
uniformly from the catalogue, and the expected count is that of the mixture (Yang et al., WWW
2020). What the user has anyway is no negative: candidates in `mask` are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sampled_softmax(
    users: Tensor, candidates: Tensor, *, scale: Tensor, log_expected: Tensor, mask: Tensor
) -> Tensor:  # fmt: skip
    """Mean cross-entropy, each user's positive being the candidate in the same row.

    Args:
        users: (B, D).
        candidates: (B + N, D), the positives of the batch first.
        scale: () factor of the logits, the inverse temperature.
        log_expected: (B + N,) log of how often each candidate is expected among them.
        mask: (B, B + N) candidates that are no negatives for the user.
    """
    # The logits are by far the largest array, so that each pass over them counts.
    logits = ((scale * users) @ candidates.T).float() - log_expected
    logits.masked_fill_(mask, -torch.inf)
    target = torch.arange(len(users), device=users.device)
    return functional.cross_entropy(logits, target)
