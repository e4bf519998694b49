"""Packs written opcode by opcode, using only names that honest packs use too."""

import pickle
import struct
from pathlib import Path

import joblib
import numpy as np
import pytest

from recsys_cli.errors import RecsysError, UnsafePackError
from recsys_cli.store import packs
from recsys_cli.store.packs import load_pack, save_pack

FLOAT = np.dtype("f8")


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Stateful:
    """Pickles as `function(*arguments)` with a state set on the result."""

    def __init__(self, function, arguments, state):
        self.parts = function, arguments, state

    def __reduce__(self):
        return self.parts


def load(path: Path, value, protocol: int = 5):
    path.write_bytes(pickle.dumps(value, protocol))
    return load_pack(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.joblib"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_no_file_is_written_or_read(path, tmp_path, protocol):
    victim = tmp_path / "victim.txt"
    victim.write_bytes(b"untouched")
    for mode in ("w+", "r+", "r"):
        call = Call(np.memmap, str(victim), "uint8", mode, 0, (9,))
        with pytest.raises(UnsafePackError, match="calls numpy"):
            load(path, {"a": call}, protocol)
    assert victim.read_bytes() == b"untouched"


@pytest.mark.parametrize(
    "value",
    [
        Call(np.ndarray, (2,), "O"),
        Call(np.ndarray, (1 << 40,)),
        Call(np.dtype, "O"),
        Call(np.dtype, [("a", "i4"), ("b", "O")]),
        Call(np.dtype, ("i4", (1 << 30,))),
        Call(bytearray, 6 * 10**9),
        np.ndarray,
        np.dtype("f4"),
        np.ma.masked_array([1, 2]),
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        Stateful(dict, (), {"x": 1}),
        Stateful(set, ([1],), {"x": 1}),
        Stateful(np.dtype, ("V8",), (3, "|", None, ("a",), {"a": (FLOAT, 1 << 30)}, 8, 1, 0)),
        Stateful(np.dtype, ("i4",), (3, "<", None, None, None, 1 << 30, -1, 0)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_not_plain_data_is_refused(path, value):
    with pytest.raises(RecsysError):
        load(path, {"a": value})


@pytest.mark.parametrize(
    "program",
    [
        b"c__builtin__\neval\n(V1\ntR.",
        b"(V1\ni__builtin__\neval\n.",
        b"(c__builtin__\neval\nV1\no.",
        b"Pidentity\n.",
        b"V1\nQ.",
        b"\x82\x01.",
        b"\x80\x05}\x97.",
        b"\x80\x05cnumpy\nndarray\nV__module__\nVx\ns.",
        b"\x80\x05cnumpy\nndarray\n(lV1\na.",
        b"\x80\x05cnumpy\nndarray\n)\x81.",
        b"\x80\x05cnumpy\nndarray\n)}\x92.",
        b"\x80\x05cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81.",
        b"\x80\x05cjoblib.numpy_pickle\nNumpyArrayWrapper.read\n.",
        b"\x80\x05\x8c\x05numpy\x8c\x0fndarray.__class_\x93.",
    ],
)
def test_programs_are_refused(path, program):
    path.write_bytes(program)
    with pytest.raises(RecsysError):
        load_pack(path)


def test_arrays_larger_than_the_file_are_refused(path):
    save_pack(path, {"a": np.arange(1000, dtype=np.int64)})
    data = path.read_bytes()
    honest = b"M\xe8\x03"
    assert data.count(honest) == 1
    forged = data.replace(honest, b"J" + struct.pack("<i", 2**31 - 1))
    path.write_bytes(forged)
    for mmap in (True, False):
        with pytest.raises(UnsafePackError, match="larger than the file"):
            load_pack(path, mmap=mmap)


def test_inflation_is_bounded(path, monkeypatch):
    joblib.dump({"a": "x" * 10_000_000}, path, compress=9)
    assert len(load_pack(path)["a"]) == 10_000_000
    monkeypatch.setattr(packs, "MAX_INFLATED", 1_000_000)
    with pytest.raises(UnsafePackError, match="inflates"):
        load_pack(path)


def test_foreign_byte_orders_and_units_survive(path):
    pack = {
        "big": np.arange(5, dtype=">i4"),
        "little": np.arange(5, dtype="<i4"),
        "days": np.array(["2020-09-16", "NaT"], "M8[D]"),
        "spans": np.array([1, 2], "m8[25s]"),
        "text": np.array(["é", "ab"]),
    }
    save_pack(path, pack)
    for mmap in (True, False):
        loaded = load_pack(path, mmap=mmap)
        for key, value in pack.items():
            assert loaded[key].dtype.newbyteorder("=") == value.dtype.newbyteorder("="), key
            np.testing.assert_array_equal(loaded[key], value)
