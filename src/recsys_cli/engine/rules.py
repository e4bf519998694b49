"""The [rules] of recsys.toml over one dataset's items: conditions become masks, ids become rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.config.encoders import off_hint
from recsys_cli.config.rules import BoostRule, CapRule, DiversityRule, PinRule, RulesConfig
from recsys_cli.engine.whose import alike
from recsys_cli.errors import ConfigError, RecsysError, UsageError
from recsys_cli.ranking.rules import Boost, Cap, Diversity, Filter, Pin, Rule, Rules
from recsys_cli.strategies.content.fusion import TEXT

if TYPE_CHECKING:
    from recsys_cli.engine.engine import Engine

Failed = Callable[[str, RecsysError], None]


def rules_of(engine: Engine, config: RulesConfig, *, failed: Failed | None = None) -> Rules | None:
    """The rules over an engine's items; None where there are none.

    Args:
        engine: of one dataset.
        config: what holds for the dataset.
        failed: told the name of each rule that cannot be, which is left out, and why; None raises.

    Raises:
        ConfigError: a rule names a column, a value or an item that there is not.
    """
    makers: list[Callable[[str], Rule]] = [
        *(partial(_filter, engine, text) for text in config.where),
        *(partial(_boost, engine, rule) for rule in config.boost),
        *(partial(_cap, engine, rule) for rule in config.cap),
        *([partial(_diversity, engine, config.diversity)] if config.diversity else []),
        *(partial(_pin, engine, rule) for rule in config.pin),
    ]
    made = []
    for name, make in zip(config.names(), makers, strict=True):
        try:
            made.append(make(name))
        except RecsysError as error:
            kind = ConfigError if isinstance(error, UsageError) else type(error)
            wrong = kind(f"rule {name!r}: {error.message}", hint=error.advice)
            if failed is None:
                raise wrong from None
            failed(name, wrong)
    return Rules(len(engine.artifacts.items), tuple(made)) if made else None


def _filter(engine: Engine, text: str, name: str) -> Filter:
    return Filter(name, engine.matching(text, where="where"))


def _boost(engine: Engine, rule: BoostRule, name: str) -> Boost:
    texts = [rule.where] if isinstance(rule.where, str) else rule.where
    masks = [engine.matching(text, where="where") for text in texts]
    return Boost(name, np.logical_and.reduce(masks), rule.by)


def _cap(engine: Engine, rule: CapRule, name: str) -> Cap:
    import polars as pl

    values = engine.artifacts.item_column(rule.column)
    codes = values.cast(pl.String).rank("dense").cast(pl.Int32) - 1
    return Cap(name, codes.fill_null(-1).to_numpy(), rule.most)


def _diversity(engine: Engine, rule: DiversityRule, name: str) -> Diversity:
    if not engine.artifacts.has("content"):
        raise UsageError(
            f"items of {engine.dataset} have no content vectors to tell how alike they are",
            hint=off_hint(TEXT),
        )
    vectors = np.asarray(engine.artifacts.pack("content")["vectors"])
    return Diversity(name, rule.weight, vectors)


def _pin(engine: Engine, rule: PinRule, name: str) -> Pin:
    row = engine.artifacts.items.find(rule.item)
    if row < 0:
        raise UsageError(
            f"{engine.dataset} has no item {rule.item!r}",
            hint=alike(rule.item, engine.artifacts.items),
        )
    return Pin(name, row, rule.rank)
