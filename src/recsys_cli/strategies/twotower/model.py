"""The two towers: what is known of a user, or of an item, to a vector; the product is the score.

With p the user's ALS factors, q the item's, c and v their content vectors and x, z everything
else that is known of them,

    user  u = [ (1 + g(x)) p + A m + R h(x) ;   G(x) c ;   E h(x) ;   S s(x) ;   1    ]
    item  i = [ q + R' h'(z)                ;   v      ;   E' h'(z) ; t(z)   ;   b(z) ]

where h is a hidden layer, m the mean factors of the user's last items, s the user's segment as
one-hot and t the item's sales in each segment. Scores are u·i, logits exp(scale) · u·i. Where a
term is a product of one side with the other, exactly one side starts at zero: g, A, R, R', G, E,
S and b do. So the first scores are p·q, those of ALS, and gradients flow from the first step.
A user or item without factors gets p or q from its other features by a linear map that starts as
the ridge regression of known factors on features (Gantner et al., ICDM 2010). In training some
rows lose their factors, so that this way is learned too (DropoutNet: Volkovs, Yu and Poutanen,
NeurIPS 2017).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of the towers.

    Attributes:
        factors: f, of the ALS factors.
        content: c, of the content vectors; 0 for none.
        user_numbers: numbers known of a user.
        item_numbers: numbers known of an item.
        segments: groups of users with sales of their own; 0 for none.
        user_codes: number of codes of each user column.
        item_codes: number of codes of each item column.
        hidden: width of the hidden layers.
        extra: dimensions in which the hidden layers meet.
        dropout: share of the hidden layers' inputs dropped in training.
    """

    factors: int
    content: int
    user_numbers: int
    item_numbers: int
    segments: int
    user_codes: tuple[int, ...]
    item_codes: tuple[int, ...]
    hidden: int = 64
    extra: int = 16
    dropout: float = 0.1

    @property
    def vector(self) -> int:
        """Dimension of the vectors that come out."""
        return self.factors + self.content + self.extra + self.segments + 1

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        made = asdict(self)
        return made | {"user_codes": list(self.user_codes), "item_codes": list(self.item_codes)}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Shape:
        """The inverse of `to_json`."""
        codes = {key: tuple(int(n) for n in raw[key]) for key in ("user_codes", "item_codes")}
        return cls(**{**raw, **codes})


@dataclass(slots=True)
class UserBatch:
    """What is known of B users.

    Attributes:
        folded: (B, f) ALS factors; zeros where there are none.
        known: (B,) whether there are.
        recent: (B, f) mean factors of the last items.
        taste: (B, c).
        numbers: (B, n) standardised.
        codes: (B, columns) int64.
        segment: (B,) int64 from 0; 0 is no segment.
    """

    folded: Tensor
    known: Tensor
    recent: Tensor
    taste: Tensor
    numbers: Tensor
    codes: Tensor
    segment: Tensor


@dataclass(slots=True)
class ItemBatch:
    """What is known of N items.

    Attributes:
        factors: (N, f) ALS factors; zeros where there are none.
        known: (N,) whether there are.
        content: (N, c).
        numbers: (N, n) standardised.
        codes: (N, columns) int64.
        sales: (N, segments) how it sells in each segment of users.
    """

    factors: Tensor
    known: Tensor
    content: Tensor
    numbers: Tensor
    codes: Tensor
    sales: Tensor


class Tower(nn.Module):  # type: ignore[misc] # torch is looked at nowhere
    """Everything known of one side to a hidden layer, and factors for rows that have none.

    The tables, one per column, are of one dataset; all else can be carried over to another.
    """

    def __init__(self, shape: Shape, numbers: int, codes: tuple[int, ...], vectors: int) -> None:
        super().__init__()
        self.dense = nn.Linear(vectors + numbers + 1, shape.hidden)
        self.drop = nn.Dropout(shape.dropout)
        self.code_tables = nn.ModuleList(nn.Embedding(n, shape.hidden) for n in codes)
        self.guess_weight = nn.Parameter(torch.zeros(shape.content, shape.factors))
        self.guess_bias = nn.Parameter(torch.zeros(shape.factors))
        self.guess_tables = nn.ModuleList(nn.Embedding(n, shape.factors) for n in codes)
        for tables, spread in ((self.code_tables, 0.05), (self.guess_tables, 0.0)):
            for table in tables:
                nn.init.normal_(table.weight, std=spread)

    def guess(self, content: Tensor, codes: Tensor) -> Tensor:
        """(B, f) factors from content (B, c) and codes (B, columns)."""
        guessed: Tensor = content @ self.guess_weight + self.guess_bias
        for column, table in enumerate(self.guess_tables):
            guessed = guessed + table(codes[:, column])
        return guessed

    def forward(
        self, vectors: list[Tensor], numbers: Tensor, known: Tensor, codes: Tensor
    ) -> Tensor:
        """(B, hidden) from vectors (B, …), numbers (B, n), known (B,) and codes (B, columns)."""
        hidden: Tensor = self.dense(self.drop(torch.cat([*vectors, numbers, known[:, None]], 1)))
        for column, table in enumerate(self.code_tables):
            hidden = hidden + table(codes[:, column])
        return functional.gelu(hidden)


class TwoTower(nn.Module):  # type: ignore[misc]
    """Both towers and the temperature."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        f, c, hidden = shape.factors, shape.content, shape.hidden
        self.user = Tower(shape, shape.user_numbers, shape.user_codes, 2 * f + c)
        self.item = Tower(shape, shape.item_numbers, shape.item_codes, f + c)
        self.last = _zero(nn.Linear(f, f, bias=False))
        self.gates = _zero(nn.Linear(hidden, 3))
        self.user_residual = _zero(nn.Linear(hidden, f))
        self.item_residual = _zero(nn.Linear(hidden, f))
        self.user_extra = _zero(nn.Linear(hidden, shape.extra))
        self.item_extra = nn.Linear(hidden, shape.extra)
        self.content_scale = nn.Parameter(torch.zeros(c))
        self.segment_gain = nn.Parameter(torch.zeros(shape.segments))
        self.bias = _zero(nn.Linear(hidden, 1))
        self.bias_numbers = _zero(nn.Linear(shape.item_numbers, 1))
        self.scale = nn.Parameter(torch.tensor(2.0))
        # What brings factors to ordinary size for the hidden layers; set from the data.
        self.factor_scale: Tensor
        self.register_buffer("factor_scale", torch.ones(()))

    def users(self, batch: UserBatch, *, dropped: Tensor | None = None) -> Tensor:
        """(B, vector) vectors of users; rows that are `dropped` (B,) lose their factors."""
        known = batch.known if dropped is None else batch.known & ~dropped
        guess = self.user.guess(batch.taste, batch.codes)
        own = torch.where(known[:, None], batch.folded, guess)
        recent = batch.recent if dropped is None else batch.recent * (~dropped)[:, None]
        seen = known.to(own.dtype)
        inputs = [own * self.factor_scale, recent * self.factor_scale, batch.taste]
        hidden = self.user(inputs, batch.numbers, seen, batch.codes)  # (B, hidden)
        gates = self.gates(hidden)  # (B, 3)
        factors = (1 + gates[:, :1]) * own + self.last(recent) + self.user_residual(hidden)
        content = (self.content_scale + gates[:, 1:2]) * batch.taste
        segment = functional.one_hot(batch.segment, self.shape.segments + 1)[:, 1:].to(own.dtype)
        segment = segment * self.segment_gain
        one = torch.ones_like(own[:, :1])
        return torch.cat([factors, content, self.user_extra(hidden), segment, one], dim=1)

    def items(self, batch: ItemBatch, *, dropped: Tensor | None = None) -> Tensor:
        """(N, vector) vectors of items; rows that are `dropped` (N,) lose their factors."""
        known = batch.known if dropped is None else batch.known & ~dropped
        own = torch.where(
            known[:, None], batch.factors, self.item.guess(batch.content, batch.codes)
        )
        seen = known.to(own.dtype)
        inputs = [own * self.factor_scale, batch.content]
        hidden = self.item(inputs, batch.numbers, seen, batch.codes)  # (N, hidden)
        factors = own + self.item_residual(hidden)
        bias = self.bias(hidden) + self.bias_numbers(batch.numbers)
        return torch.cat(
            [factors, batch.content, self.item_extra(hidden), batch.sales, bias], dim=1
        )


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
