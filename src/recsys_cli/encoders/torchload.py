"""What encoders of torch models share: imports that work, device, precision, batches over threads.

Each batch runs on one thread, and several batches at a time. That is as fast as all threads on
one batch while the machine is idle, several times as fast while it is not (threads that meet
after every layer wait for the slowest), and the result does not depend on the number of cores.
"""

from __future__ import annotations

import copy
import ctypes
import importlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from recsys_cli.cores import available_cores
from recsys_cli.encoders.contract import Vectors
from recsys_cli.encoders.problems import Kind, cannot_load, library_missing
from recsys_cli.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from recsys_cli.config.models import Precision

T = TypeVar("T")
R = TypeVar("R")

AGREEMENT = 0.99
"""Cosine to the fp32 vector that every probe's bf16 vector has to keep."""

_KERNELS_KEPT = "128"
_LIBRARIES: list[Any] = []


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps other people's libraries from telling our users about deprecations and retries.

    What they log as errors they also raise, and it is told from there.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def import_beside_torch(name: str) -> ModuleType:
    """Import sentence_transformers or open_clip, which both import torchvision.

    Raises:
        ImportError: it is not installed, or does not fit what is.
    """
    # Kernels are compiled and kept for each shape of batch, and texts come in thousands of
    # shapes: by default that grows to gigabytes. Only a torch that is not loaded yet reads this.
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(variable, _KERNELS_KEPT)
    with quiet():
        _ensure_torchvision()
        return importlib.import_module(name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which model is to be loaded, and how.

    Attributes:
        spec: the string from recsys.toml.
        fingerprint: identifies weights and settings.
        dtype: see `TorchEncoder.settle`.
        device: "auto" or a torch device.
        config_line: the line of recsys.toml to name when it can't be loaded.
    """

    spec: str
    fingerprint: str
    dtype: Precision
    device: str
    config_line: str


class TorchEncoder:
    """An encoder whose model torch runs, loaded when the first vector is asked for."""

    device: torch.device
    """Where the model is, once it is loaded."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.fingerprint = wanted.fingerprint
        self.name = f"{wanted.spec}@{wanted.fingerprint[:12]}"
        self.facts: dict[str, Any] = {}

    def load(self, kind: Kind, library: str, make: Callable[[Any], T]) -> T:
        """What `make` makes of a library; settles the device first.

        Raises:
            ConfigError: library, device or model can't be had.
        """
        line = self.wanted.config_line
        try:
            module = import_beside_torch(library)
        except ImportError as error:
            raise library_missing(line, kind, error) from error
        self.device = pick_device(self.wanted.device, config_line=line)
        try:
            with quiet():
                return make(module)
        except Exception as error:
            # A name, a download or a file can be wrong in as many ways as there are layers.
            raise cannot_load(line, kind, error) from error

    def settle(self, model: Any, probe: Callable[[Any], Vectors]) -> Any:
        """A loaded model on the device, in the precision wanted; notes the facts.

        "auto" takes bf16 where the hardware has it and the vectors of `probe` keep their
        direction. Both depend on the machine and the weights alone, so that a resumed run decides
        the same.
        """
        import torch

        wanted = self.wanted.dtype
        model = model.eval().requires_grad_(False).to(device=self.device, dtype=torch.float32)
        self.facts = {"device": self.device.type, "precision": "fp32"}
        if wanted == "fp32" or (wanted == "auto" and not has_fast_bf16(self.device)):
            return model
        small = copy.deepcopy(model).to(torch.bfloat16)
        cosine = float(np.einsum("ij,ij->i", probe(model), probe(small)).min())
        self.facts["bf16_cosine"] = round(cosine, 6)
        if wanted == "auto" and not cosine > AGREEMENT:
            return model
        self.facts["precision"] = "bf16"
        return small


def _ensure_torchvision() -> None:
    """Make `import torchvision` work beside a torch that its binary was not built for.

    torchvision's wheel for Linux is built against CUDA. Beside a CPU-only torch its binary does
    not load, and its import fails at the operators that the binary would have registered. None
    of them is used here, so declaring them is enough.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except ImportError:
        return
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        make: Any = torch.library.Library
        library = make("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        importlib.import_module("torchvision")


def pick_device(wanted: str, *, config_line: str) -> torch.device:
    """The device asked for; "auto" is the GPU where there is one.

    Raises:
        ConfigError: torch has no such device here.
    """
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f'{config_line}: torch cannot use the device "{wanted}": {reason}',
            hint='set device = "auto" or device = "cpu"',
        ) from error
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware; elsewhere fp32 is faster."""
    import torch

    if device.type == "cuda":
        # Emulated on older cards, which is slower than fp32.
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def map_batches(function: Callable[[T], R], batches: Sequence[T], device: torch.device) -> list[R]:
    """`function` of each batch, in order; on a CPU several at a time, one thread each."""
    import torch

    def run(batch: T) -> R:
        with torch.inference_mode():
            return function(batch)

    if device.type != "cpu":
        return [run(batch) for batch in batches]
    workers = max(min(available_cores(), len(batches)), 1)
    # The number of threads is a setting of the calling thread: other users of torch keep theirs.
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        results = list(pool.map(run, batches))
    _return_memory()
    return results


def _return_memory() -> None:
    """Give freed memory back to the system: glibc keeps fragments of every thread's heap."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
