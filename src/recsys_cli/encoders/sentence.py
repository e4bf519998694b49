"""Texts through a sentence-transformers model (Reimers and Gurevych 2019).

Batches hold texts of equal length in tokens, so that nothing is padded: attention needs no
mask and no work goes into padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_cli.encoders.contract import Vectors, unit_rows
from recsys_cli.encoders.torchload import TorchEncoder, Wanted, map_batches

TOKENS_PER_BATCH = 4096
_PROBES = (
    "Strap top. Vest top. Black. Jersey top with narrow shoulder straps.",
    "Running shoes, size 42",
    "red",
    "A novel about a lighthouse keeper who repairs clocks; winner of three prizes in 1987.",
    "128 GB memory card with adapter",
    "Pyjamas in soft organic cotton with a print of small stars, a round neckline and cuffs.",
)


class SentenceEncoder(TorchEncoder):
    """A sentence-transformers model, from its local folder."""

    cacheable = True

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        super().__init__(wanted)
        self._folder = folder

    @property
    def dim(self) -> int:
        """Columns of the vectors; loads the model."""
        return int(self.encode(["x"]).shape[1])

    def fit(self, texts: Iterable[str | None]) -> SentenceEncoder:
        """Nothing to fit."""
        return self

    def to_pack(self) -> dict[str, Any]:
        """Nothing was fitted."""
        return {}

    def encode(self, batch: Sequence[str]) -> Vectors:
        """(n, dim) float32 at unit length; see `TextEncoder.encode`.

        Raises:
            ConfigError: the model can't be loaded.
        """
        return self._encode(self._model, batch, "encode_document")

    def encode_queries(self, batch: Sequence[str]) -> Vectors:
        """As `encode`, with the query prompt of models that have one."""
        return self._encode(self._model, batch, "encode_query")

    @cached_property
    def _model(self) -> Any:
        model = self.load("text", "sentence_transformers", self._read)
        self._count = _counter(model)
        return self.settle(model, lambda one: self._encode(one, _PROBES, "encode_document"))

    def _read(self, library: Any) -> Any:
        with _no_progress_bars():
            return library.SentenceTransformer(
                str(self._folder), device="cpu", local_files_only=True
            )

    def _encode(self, model: Any, texts: Sequence[str], method: str) -> Vectors:
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        # Older versions of the library know no roles.
        call = getattr(model, method, model.encode)

        def vectors(rows: npt.NDArray[np.intp]) -> Any:
            batch = [texts[row] for row in rows]
            return call(
                batch, batch_size=len(batch), show_progress_bar=False, convert_to_tensor=True
            )

        lengths = self._count(texts)
        # Small ones last, so that no thread waits long for another at the end.
        batches = sorted(equal_lengths(lengths), key=lambda rows: -int(lengths[rows].sum()))
        parts = map_batches(vectors, batches, self.device)
        found = np.concatenate([part.float().cpu().numpy() for part in parts])
        result = np.empty_like(found)
        result[np.concatenate(batches)] = found
        return unit_rows(result)


def equal_lengths(
    lengths: npt.NDArray[np.int64], *, budget: int = TOKENS_PER_BATCH
) -> list[npt.NDArray[np.intp]]:
    """Rows grouped by length (n,), groups cut so that none has over `budget` tokens."""
    order = np.argsort(lengths, kind="stable")
    batches = []
    for length, group in groupby(order.tolist(), key=lambda row: int(lengths[row])):
        rows = np.array(list(group), np.intp)
        size = max(budget // max(length, 1), 1)
        batches += [rows[start : start + size] for start in range(0, len(rows), size)]
    return batches


def _counter(model: Any) -> Callable[[Sequence[str]], npt.NDArray[np.int64]]:
    """A function from texts to their lengths in tokens, as far as the model reads.

    The tokenizer's own engine counts several times as fast as the call that makes lists of ids.
    Lengths are in characters for a model without such an engine.
    """
    from tokenizers import Tokenizer

    try:
        # A copy: what is set here stays out of the model's own.
        engine = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    except AttributeError:
        return lambda texts: np.array([len(text) for text in texts], np.int64)
    engine.no_padding()
    if model.max_seq_length:
        engine.enable_truncation(model.max_seq_length)
    return lambda texts: np.array([len(one) for one in engine.encode_batch(list(texts))], np.int64)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing its own bar while it reads weights."""
    logging: Any = import_module("transformers.utils.logging")
    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()
