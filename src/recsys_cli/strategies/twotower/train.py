"""Fine-tunes the towers, with early stopping on lists over the full catalogue.

Everything random follows from the seed and the number of the step, and a checkpoint holds the
rest: weights, the optimiser, the best weights and the curve. So a run that was killed and goes on
ends, on a CPU, with the bytes that it would have had anyway. The model as it starts is a
candidate too, and so is ALS by itself: nothing worse on validation comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsys_cli.errors import TrainingError
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.files import atomic_path
from recsys_cli.strategies.twotower import TwoTowerConfig
from recsys_cli.strategies.twotower.batches import Batch, Feeder
from recsys_cli.strategies.twotower.loss import sampled_softmax
from recsys_cli.strategies.twotower.model import TwoTower
from recsys_cli.strategies.twotower.threads import settle_threads

Judge = Callable[[TwoTower], float]
"""Gives the validation metric of a model, larger is better."""

_SWIFT = (
    "scale", "content_scale", "segment_gain", "gates.", "bias_numbers.", "last.",
)  # fmt: skip
"""Few numbers that act on much, and learn faster."""
_SWIFTER = 3.0
_LAST_RATE = 0.1
_DROP = 3


@dataclass(slots=True)
class Outcome:
    """What training did.

    Attributes:
        curve: one entry per check: step, loss since the last one, and metric.
        best_step: step whose weights were kept; 0 is the model as it started.
        best: its metric.
        steps: steps taken.
        seconds: of training, by part: feeding, learning, checking.
        pairs: pairs learned from, repeats included.
    """

    curve: list[dict[str, float | None]] = field(default_factory=list)
    best_step: int = 0
    best: float = -np.inf
    steps: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    pairs: int = 0


class Trainer:
    """One training run.

    Args:
        model: where it starts; holds the best weights afterwards.
        feeder: gives the batches.
        judge: the validation metric.
        config: how to train.
        checkpoint: file to go on from, and to write to; None for neither.
        key: what the run is made from; a checkpoint of another key is not gone on from.
        device: cpu or cuda.
        progress: told of steps and checks.
    """

    def __init__(
        self,
        model: TwoTower,
        feeder: Feeder,
        judge: Judge,
        config: TwoTowerConfig,
        *,
        checkpoint: Path | None = None,
        key: str = "",
        device: str = "cpu",
        progress: Progress | None = None,
    ) -> None:
        self._model = model.to(device)
        self._feeder = feeder
        self._judge = judge
        self._config = config
        self._checkpoint = checkpoint
        self._key = key
        self._device = device
        self._progress: Progress = progress or Silent()
        self._total = feeder.per_epoch * config.epochs
        self._optimiser = torch.optim.AdamW(
            self._groups(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._rates = [float(group["lr"]) for group in self._optimiser.param_groups]
        self._best: dict[str, torch.Tensor] = {}
        self._losses: list[float] = []
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Train until the epochs are over or nothing has become better for long enough."""
        started = self._resume()
        if not started:
            self._check()
        self._progress.start("training two-tower", self._total)
        self._progress.advance(self.outcome.steps)
        for rows in self._remaining():
            clock = time.perf_counter()
            batch = self._feeder.batch(rows, self.outcome.steps)
            self._spent("feeding", clock)
            clock = time.perf_counter()
            self._step(batch)
            self._spent("learning", clock)
            self.outcome.pairs += len(batch)
            self._progress.advance()
            if self._due():
                self._check()
            if self._checkpoint and self.outcome.steps % self._config.checkpoint_steps == 0:
                self._save(self._checkpoint)
        self._model.load_state_dict(self._best)
        return self.outcome

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by learning rate; the temperature and single gains are not decayed."""
        parts: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
        for name, parameter in self._model.named_parameters():
            parts[name.startswith(_SWIFT)].append(parameter)
        rate = self._config.learning_rate
        return [
            {"params": parts[False], "lr": rate},
            {"params": parts[True], "lr": rate * _SWIFTER, "weight_decay": 0.0},
        ]

    def _remaining(self) -> Iterator[Any]:
        """Positions of the batches that are left, epoch after epoch, until patience ends."""
        per_epoch = self._feeder.per_epoch
        for epoch in range(self._config.epochs):
            if (epoch + 1) * per_epoch <= self.outcome.steps:
                continue
            for at, rows in enumerate(self._feeder.epoch(epoch), epoch * per_epoch):
                if at < self.outcome.steps:
                    continue
                if self._stalled():
                    return
                yield rows

    def _stalled(self) -> bool:
        best = self.outcome.best_step
        since = sum(1 for entry in self.outcome.curve if (entry["step"] or 0) > best)
        return since >= self._config.patience

    def _due(self) -> bool:
        every = max(1, self._feeder.per_epoch // self._config.checks_per_epoch)
        return self.outcome.steps % every == 0 or self.outcome.steps == self._total

    def _step(self, batch: Batch) -> None:
        config, model, step = self._config, self._model, self.outcome.steps
        model.train()
        settle_threads()
        torch.manual_seed(_step_seed(config.seed, step))
        n_users, n_items = batch.mask.shape
        drop_users = torch.rand(n_users, device=self._device) < config.factor_dropout
        drop_items = torch.rand(n_items, device=self._device) < config.factor_dropout
        on_gpu = self._device != "cpu"
        with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
            users = model.users(batch.users, dropped=drop_users)
            items = model.items(batch.items, dropped=drop_items)
            loss = sampled_softmax(
                users, items, scale=model.scale.exp(), log_expected=batch.log_expected,
                mask=batch.mask,
            )  # fmt: skip
        rate = self._rate(step)
        for group, base in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = base * rate
        self._optimiser.zero_grad(set_to_none=True)
        # Windows with few pairs make small batches, which should not count as much.
        (loss * (n_users / config.batch_size)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        self._optimiser.step()
        self._losses.append(float(loss.detach()))
        self.outcome.steps += 1

    def _rate(self, step: int) -> float:
        """Linear warm-up, then a linear decay to a tenth."""
        warm = min(self._config.warmup_steps, max(1, self._total // 10))
        return min(1.0, (step + 1) / warm) * (1 - (1 - _LAST_RATE) * step / self._total)

    def _check(self) -> None:
        clock = time.perf_counter()
        self._model.eval()
        metric = self._judge(self._model)
        loss = float(np.mean(self._losses)) if self._losses else None
        if not np.isfinite(metric) or (loss is not None and not np.isfinite(loss)):
            raise TrainingError(
                f"the two-tower's training came to a loss of {loss} at step {self.outcome.steps}",
                hint="lower twotower.learning_rate, or check the ALS factors",
            )
        self._losses = []
        step = self.outcome.steps
        self.outcome.curve.append({"step": step, "loss": loss, "metric": metric})
        shown = "" if loss is None else f"loss {loss:.3f}, "
        self._progress.log(f"two-tower step {step} of {self._total}: {shown}ndcg {metric:.4f}")
        if metric > self.outcome.best:
            self.outcome.best, self.outcome.best_step = metric, step
            self._best = {
                name: values.detach().cpu().clone()
                for name, values in self._model.state_dict().items()
            }
        self._spent("checking", clock)

    def _spent(self, what: str, since: float) -> None:
        seconds = self.outcome.seconds
        seconds[what] = seconds.get(what, 0.0) + time.perf_counter() - since

    def _save(self, path: Path) -> None:
        made = {
            "key": self._key,
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best_weights": self._best,
            "losses": self._losses,
            "curve": self.outcome.curve,
            "best_step": self.outcome.best_step,
            "best": self.outcome.best,
            "steps": self.outcome.steps,
            "seconds": self.outcome.seconds,
            "pairs": self.outcome.pairs,
        }
        with atomic_path(path) as temporary:
            torch.save(made, temporary)

    def _resume(self) -> bool:
        """Take up what a killed run of the same key left; whether there was something."""
        if self._checkpoint is None or not self._checkpoint.exists():
            return False
        try:
            left = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        except Exception:
            # Whatever is wrong with the file, starting over is right and costs only time.
            return False
        if left.get("key") != self._key:
            return False
        self._model.load_state_dict(left["model"])
        self._optimiser.load_state_dict(left["optimiser"])
        self._best, self._losses = left["best_weights"], left["losses"]
        for name in ("curve", "best_step", "best", "steps", "seconds", "pairs"):
            setattr(self.outcome, name, left[name])
        self._progress.log(f"two-tower goes on from step {self.outcome.steps}")
        return True


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, _DROP, step]).generate_state(1, np.uint64)[0] >> 1)
