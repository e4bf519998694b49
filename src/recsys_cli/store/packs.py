"""Packs: plain dicts of numpy arrays and JSON-able values, saved with joblib, loaded safely.

A pack is uncompressed, so its arrays memory-map. joblib's format is pickle, and a pickle may
name any callable, so packs are read by an unpickler that builds arrays and plain values and
refuses everything else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, Self, cast, get_type_hints

import numpy as np

from recsys_cli.errors import ArtifactError, Command, UnsafePackError
from recsys_cli.store.unpickler import SafeUnpickler

Pack = dict[str, Any]

PREFIX = "prefix"
"""In the metadata of a field that is `Packed`: what its own fields' names begin with."""


class Packed:
    """A dataclass that a pack holds: field by field, and flat where a field is itself one."""

    __slots__ = ()

    def to_pack(self, **ids: str) -> Pack:
        """The fields by name, then `ids`, the fingerprints of the ids that the rows stand for."""
        own: Pack = {}
        inner: Pack = {}
        for each in fields(cast(Any, self)):
            value = getattr(self, each.name)
            if isinstance(value, Packed):
                prefix = each.metadata.get(PREFIX, "")
                inner |= {prefix + name: part for name, part in value.to_pack().items()}
            else:
                own[each.name] = value
        return own | ids | inner

    @classmethod
    def from_pack(cls, pack: Mapping[str, Any], *, prefix: str = "") -> Self:
        """The inverse of `to_pack`; arrays may be memory maps.

        Args:
            pack: as its kind's layout says, which is checked where a workspace's packs are read.
            prefix: what the names in the pack begin with.
        """
        types, values = get_type_hints(cls), dict[str, Any]()
        for each in fields(cast(Any, cls)):
            inner = types[each.name]
            if isinstance(inner, type) and issubclass(inner, Packed):
                prefixed = prefix + each.metadata.get(PREFIX, "")
                values[each.name] = inner.from_pack(pack, prefix=prefixed)
            elif each.init and prefix + each.name in pack:
                values[each.name] = pack[prefix + each.name]
        return cls(**values)


_PLAIN = (str, int, float, bool, type(None))
_INFLATED_TIMES, _INFLATED_MORE = 100, 16 << 20
"""Bytes that a compressed pack may inflate to, by its size; our own are never compressed."""


def save_pack(path: Path, pack: Mapping[str, Any]) -> None:
    """Write `pack` to `path`, uncompressed; equal packs give equal bytes.

    Raises:
        TypeError: for a value that `load_pack` would refuse.
    """
    for key, value in pack.items():
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject or value.dtype.fields is not None:
                raise TypeError(f"pack value {key!r} is an array of objects or records")
        elif not _is_plain(value):
            raise TypeError(f"pack value {key!r} is a {type(value).__name__}, not an array")
    from joblib.numpy_pickle import dump

    dump(dict(pack), path, compress=0, protocol=5)


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
        raise ArtifactError(f"{path} does not exist", hint=Command("build", "all")) from None
    except UnsafePackError as error:
        raise UnsafePackError(f"{path}: {error.message}", hint=error.advice) from None
    except Exception as error:
        # A damaged pickle can fail in as many ways as there are opcodes.
        raise ArtifactError(
            f"{path} is damaged or not a pack ({type(error).__name__}: {error})",
            hint=("delete it and run: ", Command("build", "all")),
        ) from error
    if not isinstance(loaded, dict):
        raise ArtifactError(f"{path} holds a {type(loaded).__name__}, not a pack")
    return loaded


def _load(file: BinaryIO, path: Path, *, mmap: bool) -> Any:
    if file.read(1) != pickle.PROTO:
        return _load_foreign(file, path)
    file.seek(0)
    size = path.stat().st_size
    return SafeUnpickler(file, path=path if mmap else None, size=size).load()


def _load_foreign(file: BinaryIO, path: Path) -> Any:
    """Load what `joblib.dump` compressed, or what is no pack at all."""
    from joblib.numpy_pickle_utils import _COMPRESSORS, _detect_compressor

    file.seek(0)
    compressor = _detect_compressor(file)
    if compressor not in _COMPRESSORS:
        return SafeUnpickler(file, path=None, size=path.stat().st_size).load()
    most = path.stat().st_size * _INFLATED_TIMES + _INFLATED_MORE
    with _COMPRESSORS[compressor].decompressor_file(file) as inflating:
        bounded = io.BufferedReader(_Bounded(inflating, most))
        return SafeUnpickler(bounded, path=None, size=most).load()


class _Bounded(io.RawIOBase):
    """Reads from an inflating file up to a number of bytes."""

    def __init__(self, inflating: Any, most: int) -> None:
        self._inflating = inflating
        self._most = self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inflating.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise UnsafePackError(f"the pack inflates to more than {self._most >> 20:,} MB")
        buffer[: len(data)] = data
        return len(data)
