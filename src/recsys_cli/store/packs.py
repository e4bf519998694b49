"""Packs: plain dicts of numpy arrays and JSON-able values, saved with joblib, loaded safely.

A pack is uncompressed, so its arrays memory-map. joblib's format is pickle, and a pickle may
name any callable, so packs are read by an unpickler that knows a short list of names and
refuses everything else before it is called.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from joblib.numpy_pickle import dump as joblib_dump
from joblib.numpy_pickle_utils import _COMPRESSORS, _detect_compressor

from recsys_cli.errors import ArtifactError, UnsafePackError

Pack = dict[str, Any]

_PLAIN = (str, int, float, bool, type(None))


def _dtype(*args: Any) -> np.dtype[Any]:
    """`numpy.dtype`, but never one that holds Python objects."""
    dtype: np.dtype[Any] = np.dtype(*args)
    if dtype.hasobject:
        raise UnsafePackError("the pack holds an array of Python objects")
    return dtype


def _scalar(dtype: np.dtype[Any], data: bytes) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(data, bytes):
        raise UnsafePackError("the pack holds a scalar that is not a plain number")
    return np.frombuffer(data, dtype, count=1)[0]


# Names a pack may use, and what each stands for here. The array wrapper is resolved to
# joblib's class, whose fields are checked in `load_build` before it reads a byte.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): NumpyArrayWrapper,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "memmap"): np.memmap,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("collections", "OrderedDict"): dict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "complex"): complex,
    ("builtins", "bytearray"): bytearray,
}
# numpy >= 1.25 names the class of each dtype, such as numpy.dtypes.Float32DType.
_DTYPE_CLASSES = {
    name: getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith("DType")
}


class _SafeUnpickler(NumpyUnpickler):  # type: ignore[misc]
    """joblib's unpickler with an allow-list in front of every name it looks up."""

    dispatch = NumpyUnpickler.dispatch.copy()

    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get((module, name))
        if found is None and module == "numpy.dtypes":
            found = _DTYPE_CLASSES.get(name) if name != "ObjectDType" else None
        if found is None:
            raise UnsafePackError(
                f"the pack refers to {module}.{name}, which is neither an array nor a plain value",
                hint="it may be meant to run code when loaded; make the pack again from its data",
            )
        return found

    def load_build(self) -> None:
        """Set an object's state; only array wrappers and dtypes have any."""
        state, target = self.stack[-1], self.stack[-2]
        if isinstance(target, NumpyArrayWrapper):
            self._check_wrapper(state)
        elif not isinstance(target, np.dtype):
            raise UnsafePackError(f"the pack sets the state of a {type(target).__name__}")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build

    @staticmethod
    def _check_wrapper(state: Any) -> None:
        if not isinstance(state, dict):
            raise UnsafePackError("an array's description is not a plain dict")
        dtype, shape = state.get("dtype"), state.get("shape")
        if not isinstance(dtype, np.dtype) or dtype.hasobject:
            raise UnsafePackError("the pack holds an array of Python objects")
        if state.get("subclass") not in (np.ndarray, np.memmap) or state.get("order") not in (
            "C",
            "F",
        ):
            raise UnsafePackError("an array's description names an unknown class or order")
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise UnsafePackError("an array's description has an impossible shape")
        unknown = set(state) - {
            "subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes",
        }  # fmt: skip
        if unknown:
            raise UnsafePackError(f"an array's description has unknown fields: {sorted(unknown)}")


def save_pack(path: Path, pack: Mapping[str, Any]) -> None:
    """Write `pack` to `path`, uncompressed; equal packs give equal bytes.

    Raises:
        TypeError: for a value that `load_pack` would refuse.
    """
    for key, value in pack.items():
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                raise TypeError(f"pack value {key!r} is an array of Python objects")
        elif not _is_plain(value):
            raise TypeError(f"pack value {key!r} is a {type(value).__name__}, not an array")
    joblib_dump(dict(pack), path, compress=0, protocol=5)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    return isinstance(value, _PLAIN)


def load_pack(path: Path, *, mmap: bool = True) -> Pack:
    """Read a pack; arrays are read-only memory maps where the file is uncompressed.

    Raises:
        ArtifactError: the file is missing, truncated or not a pack.
        UnsafePackError: it refers to anything but arrays and plain values.
    """
    try:
        with path.open("rb") as file:
            loaded = _load(file, path, mmap=mmap)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", hint="recsys build all") from None
    except (UnsafePackError, MemoryError):
        raise
    except Exception as error:
        # A damaged pickle can fail in as many ways as there are opcodes.
        raise ArtifactError(
            f"{path} is damaged or not a pack ({type(error).__name__}: {error})",
            hint="delete it and run: recsys build all",
        ) from error
    if not isinstance(loaded, dict):
        raise ArtifactError(f"{path} holds a {type(loaded).__name__}, not a pack")
    return loaded


def _load(file: BinaryIO, path: Path, *, mmap: bool) -> Any:
    compressor = _detect_compressor(file)
    if compressor in _COMPRESSORS:
        with _COMPRESSORS[compressor].decompressor_file(file) as plain:
            return _SafeUnpickler(str(path), plain, ensure_native_byte_order=True).load()
    if compressor != "not-compressed":
        raise ArtifactError(f"{path} was written by a joblib older than 0.10")
    mode = "r" if mmap else None
    return _SafeUnpickler(str(path), file, ensure_native_byte_order=not mmap, mmap_mode=mode).load()
