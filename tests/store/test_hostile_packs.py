"""Packs written opcode by opcode, using only names that honest packs use too."""

import pickle
import struct
from pathlib import Path

import joblib
import numpy as np
import pytest

from recsys_cli.errors import RecsysError, UnsafePackError
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


def test_inflation_is_bounded_by_the_size_of_the_file(path):
    joblib.dump({"a": "x" * 10_000_000}, path, compress=9)
    assert len(load_pack(path)["a"]) == 10_000_000
    joblib.dump({"a": np.zeros(30_000_000, np.uint8)}, path, compress=9)
    with pytest.raises(UnsafePackError, match=r"inflates to more|larger than"):
        load_pack(path)


def doubling(levels: int) -> bytes:
    """A pack whose list holds the one below twice, that many levels deep."""
    program = b"\x80\x05](K\x01K\x02e\x940"
    for level in range(levels):
        program += b"](h" + bytes([level]) + b"h" + bytes([level]) + b"e\x940"
    return program + b"}X\x01\x00\x00\x00ah" + bytes([levels]) + b"s."


@pytest.mark.parametrize("levels", [25, 60])
def test_a_list_that_stands_in_many_places_takes_no_longer_than_its_file(path, levels):
    path.write_bytes(doubling(levels))
    with pytest.raises(UnsafePackError, match=r"too often|nested"):
        load_pack(path)
    path.write_bytes(doubling(3))
    assert len(load_pack(path)["a"]) == 2


@pytest.mark.parametrize(
    ("program", "says"),
    [
        # A list, and a dict, that hold themselves.
        (b"\x80\x05}X\x01\x00\x00\x00a]\x94h\x00as.", "nested"),
        (b"\x80\x05}\x94X\x01\x00\x00\x00ah\x00s.", "nested"),
        # A chain of lists, each in the one after it.
        (b"\x80\x05}X\x01\x00\x00\x00a" + b"](" * 40 + b"e" * 40 + b"s.", "nested"),
        (b"\x80\x05}X\x01\x00\x00\x00a" + b"](" * 9000 + b"e" * 9000 + b"s.", "nested"),
        # Keys and members that are hashed by their parts.
        (b"\x80\x05}K\x01\x85K\x02s.", "for a key"),
        (b"\x80\x05}(K\x01\x85K\x02u.", "for a key"),
        (b"\x80\x05(K\x01\x85K\x02d.", "for a key"),
        (b"\x80\x05}X\x01\x00\x00\x00a\x8f(K\x01\x85\x90s.", "for a key"),
        (b"\x80\x05}X\x01\x00\x00\x00a(K\x01\x85\x91s.", "for a key"),
    ],
)
def test_odd_structures_are_refused(path, program, says):
    path.write_bytes(program)
    with pytest.raises(RecsysError, match=says):
        load_pack(path)


@pytest.mark.parametrize("dtype", ["S0", "U0", "V0"])
def test_values_without_a_size_are_refused(path, dtype):
    save_pack(path, {"a": np.zeros(3, "S1")})
    data = path.read_bytes()
    assert b"S1" in data
    path.write_bytes(data.replace(b"S1", dtype.encode()))
    with pytest.raises(UnsafePackError):
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
