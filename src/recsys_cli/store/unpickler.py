"""An unpickler for packs that can build arrays and plain values, and nothing else.

A pickle is a program for a stack machine: it names callables and calls them. This machine knows
the opcodes of plain values. Names become inert tokens; a call succeeds for the few tokens that
stand for plain values, which are built here and not by what the token names; and state is set on
array descriptions alone, field by field. The bytes of an array follow its description, as
`joblib.dump` lays them out: a byte that counts the padding, the padding, the array. Reading them
here keeps joblib, and the 60 ms of its import, off the path of a single recommendation.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from recsys_cli.errors import UnsafePackError

_HINT = "it may be meant to run code when loaded; make the pack again from its data"
_KINDS = frozenset("biufcSUmMV")
_DTYPE_STATE = 8
"""Fields of a dtype's state, not counting the unit of datetimes."""
_MAX_ALIGNMENT = 64
_MAX_DEPTH = 32
"""Levels of lists and dicts in each other; our own packs have three."""
_FEW = 1 << 16
"""Values that a pack may consist of, however small its file."""

_OPCODES = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 "
    "LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES "
    "SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST EMPTY_DICT "
    "EMPTY_SET GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL "
    "STACK_GLOBAL"
)


# The unpickler written in Python, whose opcodes can be replaced; typeshed does not know it.
_PythonUnpickler: Any = pickle._Unpickler


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that the pack refers to; never called."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class _DType:
    """A dtype in the making: pickles name its kind first and set the rest as state."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str):
            raise UnsafePackError("the pack holds a dtype that is not named by a string")
        self.value = _checked(np.dtype(code))

    def set_state(self, state: object) -> None:
        """Apply byte order and, for datetimes, the unit; anything else is refused."""
        if not isinstance(state, tuple) or len(state) not in (_DTYPE_STATE, _DTYPE_STATE + 1):
            raise UnsafePackError("the pack sets an unknown state on a dtype")
        _, order, subdtype, names, fields, size = state[:6]
        if any(part is not None for part in (subdtype, names, fields)):
            raise UnsafePackError("the pack holds an array of records")
        if order not in ("<", ">", "|", "=") or size not in (-1, self.value.itemsize):
            raise UnsafePackError("the pack sets an unknown state on a dtype")
        if self.value.kind in "mM" and len(state) > _DTYPE_STATE:
            unit, count = state[_DTYPE_STATE][1][:2]
            unit = unit.decode() if isinstance(unit, bytes) else unit
            self.value = _checked(np.dtype(f"{self.value.kind}8[{int(count)}{unit}]"))
        if order in "<>":
            self.value = self.value.newbyteorder(order)


class _Array:
    """An array that the pack is about to describe."""


def _checked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.hasobject:
        raise UnsafePackError("the pack holds an array of Python objects", hint=_HINT)
    if dtype.kind not in _KINDS or dtype.fields is not None or dtype.subdtype is not None:
        raise UnsafePackError(f"the pack holds an array of {dtype}")
    if not dtype.itemsize:
        # However many of nothing fit any file.
        raise UnsafePackError("the pack holds an array of values without a size")
    return dtype


def _scalar(dtype: object, data: object) -> Any:
    if not isinstance(dtype, _DType) or not isinstance(data, bytes):
        raise UnsafePackError("the pack holds a scalar that is not a plain number")
    return np.frombuffer(data, dtype.value, count=1)[0]


def _collection(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A builder of `kind` from lists and tuples only."""

    def build(*arguments: object) -> Any:
        if any(type(argument) not in (list, tuple, int, float) for argument in arguments):
            raise UnsafePackError(f"the pack builds a {kind.__name__} from something odd")
        for argument in arguments:
            for member in argument if isinstance(argument, (list, tuple)) else ():
                _key(member[0] if kind is dict else member)
        return kind(*arguments)

    return build


_WRAPPER = _Name("joblib.numpy_pickle", "NumpyArrayWrapper")
_ARRAY_CLASSES = (_Name("numpy", "ndarray"), _Name("numpy", "memmap"))
_BUILDERS: dict[_Name, Callable[..., Any]] = {
    _Name("numpy", "dtype"): _DType,
    _Name("numpy.core.multiarray", "scalar"): _scalar,
    _Name("numpy._core.multiarray", "scalar"): _scalar,
    _Name("collections", "OrderedDict"): _collection(dict),
    _Name("builtins", "set"): _collection(set),
    _Name("builtins", "frozenset"): _collection(frozenset),
    _Name("builtins", "complex"): _collection(complex),
}
_KNOWN = {_WRAPPER, *_ARRAY_CLASSES, *_BUILDERS}


class SafeUnpickler(_PythonUnpickler):  # type: ignore[misc]
    """Reads a pack.

    Args:
        file: the open file, or what inflates it.
        path: file to map arrays from, read-only; None to read them into memory, in this
            machine's byte order.
        size: bytes of the file, or a bound on the inflated bytes; no array may claim more.
    """

    dispatch: dict[int, Callable[..., None]] = {}  # noqa: RUF012 (filled below, read by pickle)

    def __init__(self, file: BinaryIO, *, path: Path | None, size: int) -> None:
        super().__init__(file)
        self._handle = file
        self._path = path
        self._size = size

    def load(self) -> Any:
        """The value in the pack.

        Raises:
            UnsafePackError: it is more than arrays and plain values.
        """
        value = super().load()
        try:
            size, _ = _measure(value, {})
        except RecursionError:
            raise UnsafePackError("the pack is nested too deep", hint=_HINT) from None
        if size > max(self._size, _FEW):
            raise UnsafePackError("the pack says the same too often", hint=_HINT)
        return value

    def find_class(self, module: str, name: str) -> _Name:
        """A token for a known name."""
        token = _Name(module, name)
        if token not in _KNOWN:
            raise UnsafePackError(
                f"the pack refers to {token}, which is neither an array nor a plain value",
                hint=_HINT,
            )
        return token

    def load_reduce(self) -> None:
        """Build a plain value."""
        arguments = self.stack.pop()
        target = self.stack[-1]
        builder = _BUILDERS.get(target) if isinstance(target, _Name) else None
        if builder is None or type(arguments) is not tuple:
            raise UnsafePackError(f"the pack calls {target}", hint=_HINT)
        self.stack[-1] = builder(*arguments)

    def load_newobj(self) -> None:
        """Begin an array's description."""
        arguments, target = self.stack.pop(), self.stack.pop()
        if target != _WRAPPER or arguments != ():
            raise UnsafePackError(f"the pack makes a {target}", hint=_HINT)
        self.stack.append(_Array())

    def load_build(self) -> None:
        """Finish a dtype, or an array's description, which is replaced by the array."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is _DType:
            target.set_state(state)
        elif type(target) is _Array:
            self.stack[-1] = self._read(*self._description(state))
        else:
            raise UnsafePackError(f"the pack sets the state of a {type(target).__name__}")

    def _description(
        self, state: object
    ) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"], bool, bool]:
        """The checked fields of an array's description: dtype, shape, order, padded, mappable."""
        if type(state) is not dict:
            raise UnsafePackError("an array's description is not a plain dict")
        state = dict(state)
        dtype, shape, order = (
            state.pop("dtype", None),
            state.pop("shape", None),
            state.pop("order", 0),
        )
        subclass, mapped = state.pop("subclass", None), state.pop("allow_mmap", False)
        alignment = state.pop("numpy_array_alignment_bytes", None)
        if type(dtype) is not _DType:
            raise UnsafePackError("an array's description has no dtype")
        if subclass not in _ARRAY_CLASSES or order not in ("C", "F") or state:
            raise UnsafePackError("an array's description has an unknown class, order or field")
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise UnsafePackError("an array's description has an impossible shape")
        if alignment is not None and not (
            type(alignment) is int and 0 < alignment <= _MAX_ALIGNMENT
        ):
            raise UnsafePackError("an array's description has an impossible alignment")
        if math.prod(shape) * dtype.value.itemsize > self._size:
            raise UnsafePackError("an array claims to be larger than the file that holds it")
        return dtype.value, shape, order, alignment is not None, bool(mapped)

    def _read(
        self,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        order: Literal["C", "F"],
        padded: bool,
        mappable: bool,
    ) -> npt.NDArray[Any]:
        """The array whose bytes come next."""
        if padded:
            self._handle.read(self._handle.read(1)[0])
        count = math.prod(shape)
        if self._path and mappable and count:
            start = self._handle.tell()
            self._handle.seek(start + count * dtype.itemsize)
            return np.memmap(
                self._path, dtype=dtype, mode="r", offset=start, shape=shape, order=order
            )
        array = np.empty(count, dtype)
        buffer = array.view(np.uint8).data
        filled = 0
        while filled < len(buffer):
            got = self._handle.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not got:
                raise EOFError("the file ends within an array")
            filled += got
        if not dtype.isnative and not self._path:
            array = array.astype(dtype.newbyteorder("="))
        return array.reshape(shape, order=order)

    def load_setitem(self) -> None:
        """Put one entry into a plain dict."""
        value, key = self.stack.pop(), self.stack.pop()
        _plain(self.stack[-1], dict)[_key(key)] = value

    def load_setitems(self) -> None:
        """Put entries into a plain dict."""
        items = self.pop_mark()
        target = _plain(self.stack[-1], dict)
        target.update(zip(map(_key, items[::2]), items[1::2], strict=True))

    def load_dict(self) -> None:
        """Make a plain dict of what lies above the mark."""
        items = self.pop_mark()
        self.stack.append(dict(zip(map(_key, items[::2]), items[1::2], strict=True)))

    def load_append(self) -> None:
        """Put one value into a plain list."""
        value = self.stack.pop()
        _plain(self.stack[-1], list).append(value)

    def load_appends(self) -> None:
        """Put values into a plain list."""
        items = self.pop_mark()
        _plain(self.stack[-1], list).extend(items)

    def load_additems(self) -> None:
        """Put values into a plain set."""
        items = self.pop_mark()
        _plain(self.stack[-1], set).update(map(_key, items))

    def load_frozenset(self) -> None:
        """Make a frozen set of what lies above the mark."""
        self.stack.append(frozenset(map(_key, self.pop_mark())))

    def _refuse(self) -> None:
        raise UnsafePackError("the pack is a program rather than data", hint=_HINT)


def _plain(target: Any, kind: type) -> Any:
    if type(target) is not kind:
        raise UnsafePackError(f"the pack writes into a {type(target).__name__}", hint=_HINT)
    return target


def _key(value: Any) -> str | int | float:
    """A key of a dict or a member of a set; what is hashed by its parts may take for ever."""
    if isinstance(value, (str, int, float, np.number)):
        return value  # type: ignore[return-value]
    raise UnsafePackError(f"the pack has a {type(value).__name__} for a key", hint=_HINT)


def _measure(value: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values `value` consists of, and how deep they are nested.

    Refuses names and unfinished arrays that stand where a value should. What stands in many
    places is looked at once, and counts in each: those who use the pack will walk through all.
    """
    if isinstance(value, (_Name, _DType, _Array)):
        raise UnsafePackError("the pack holds the name of something instead of a value")
    if not isinstance(value, (dict, list, tuple, set, frozenset)):
        return 1, 0
    if id(value) not in known:
        # Until it is measured it is deeper than anything may be, and so is what holds itself.
        known[id(value)] = (1, _MAX_DEPTH)
        size, depth = 1, 0
        for part in value.values() if isinstance(value, dict) else value:
            part_size, part_depth = _measure(part, known)
            size, depth = size + part_size, max(depth, part_depth + 1)
            if depth > _MAX_DEPTH:
                raise UnsafePackError(f"the pack is nested more than {_MAX_DEPTH} deep", hint=_HINT)
        known[id(value)] = size, depth
    return known[id(value)]


def _opcode(name: str) -> int:
    return int(getattr(pickle, name)[0])


_PICKLE: dict[int, Callable[..., None]] = _PythonUnpickler.dispatch
SafeUnpickler.dispatch.update(
    {code: SafeUnpickler._refuse for code in _PICKLE}
    | {_opcode(name): _PICKLE[_opcode(name)] for name in _OPCODES.split()}
    | {
        _opcode("REDUCE"): SafeUnpickler.load_reduce,
        _opcode("NEWOBJ"): SafeUnpickler.load_newobj,
        _opcode("BUILD"): SafeUnpickler.load_build,
        _opcode("SETITEM"): SafeUnpickler.load_setitem,
        _opcode("SETITEMS"): SafeUnpickler.load_setitems,
        _opcode("APPEND"): SafeUnpickler.load_append,
        _opcode("APPENDS"): SafeUnpickler.load_appends,
        _opcode("DICT"): SafeUnpickler.load_dict,
        _opcode("ADDITEMS"): SafeUnpickler.load_additems,
        _opcode("FROZENSET"): SafeUnpickler.load_frozenset,
    }
)
