"""Packs keep arrays and plain values, and refuse everything that could run code."""

import builtins
import io
import os
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle import NumpyPickler

from recsys_cli.errors import ArtifactError, RecsysError, UnsafePackError
from recsys_cli.store.packs import load_pack, save_pack

PACK = {
    "factors": np.arange(12, dtype=np.float32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 5), np.int32),
    "ids": np.array([b"0108", b"\xc3\xa9"], "S4"),
    "time": np.array(["2020-09-16"], "datetime64[ms]"),
    "mask": np.array([True, False]),
    "n": 3,
    "name": "hm",
    "nested": {"a": [1, 2.5, None], "b": {"c": (1, "x")}},
}


class Call:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.joblib"


@pytest.mark.parametrize("mmap", [True, False])
def test_round_trip(path, mmap):
    save_pack(path, PACK)
    loaded = load_pack(path, mmap=mmap)
    assert loaded.keys() == PACK.keys()
    for key, value in PACK.items():
        if isinstance(value, np.ndarray):
            assert loaded[key].dtype == value.dtype
            np.testing.assert_array_equal(loaded[key], value)
        else:
            assert loaded[key] == value


def test_arrays_are_read_only_memory_maps(path):
    save_pack(path, PACK)
    factors = load_pack(path)["factors"]
    assert isinstance(factors, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        factors[0, 0] = 1


def test_equal_packs_are_equal_bytes(path, tmp_path):
    save_pack(path, PACK)
    save_pack(tmp_path / "again.joblib", dict(PACK))
    assert path.read_bytes() == (tmp_path / "again.joblib").read_bytes()


def test_files_that_joblib_wrote_load_compressed_or_not(path):
    mapping = {"user2idx": {"0001": 0, "é": 1}, "weights": np.arange(3)}
    for compress in (0, 3, ("gzip", 3), ("lzma", 3)):
        joblib.dump(mapping, path, compress=compress)
        loaded = load_pack(path)
        assert loaded["user2idx"] == mapping["user2idx"]
        np.testing.assert_array_equal(loaded["weights"], mapping["weights"])


def test_numpy_scalars_load(path):
    joblib.dump({"score": np.float32(0.5), "n": np.int64(7)}, path)
    assert load_pack(path) == {"score": 0.5, "n": 7}


@pytest.mark.parametrize(
    "value",
    [np.array([object()]), np.array(["a", None], object), object(), {1: "a"}, {"a": {1, 2}}],
)
def test_what_could_not_be_loaded_is_not_saved(path, value):
    with pytest.raises(TypeError, match="value"):
        save_pack(path, {"value": value})


def malicious(marker: Path) -> dict[str, object]:
    touch = f"touch {marker}"
    inner = pickle.dumps(Call(os.system, touch))
    return {
        "os.system": Call(os.system, touch),
        "eval": Call(builtins.eval, f"__import__('os').system({touch!r})"),
        "exec": Call(builtins.exec, f"import os; os.system({touch!r})"),
        "getattr": Call(builtins.getattr, "x", "upper"),
        "import": Call(builtins.__import__, "os"),
        "nested in a list": [1, {"deep": [Call(os.system, touch)]}],
        "nested reduce": Call(dict, [("a", Call(os.system, touch))]),
        "pickle in a pickle": Call(pickle.loads, inner),
        "as a key": {Call(os.system, touch): 1},
        "object array": np.array([Call(os.system, touch)], object),
        "structured object array": np.array(
            [(1, Call(os.system, touch))], [("a", "i4"), ("b", "O")]
        ),
        "harmless object array": np.array(["a", None], object),
        "a class": Path,
        "a function": os.path.join,
        "numpy loader": Call(np.load, "x.npy", None, True),
    }


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("attack", sorted(malicious(Path("x"))))
def test_malicious_packs_are_refused_and_run_nothing(path, tmp_path, attack, compress, mmap):
    marker = tmp_path / "ran"
    joblib.dump({"factors": np.ones(3), "payload": malicious(marker)[attack]}, path, compress)
    with pytest.raises(UnsafePackError):
        load_pack(path, mmap=mmap)
    assert not marker.exists()


def test_plain_pickles_go_through_the_same_gate(path, tmp_path):
    marker = tmp_path / "ran"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Call(os.system, f"touch {marker}"), protocol))
        with pytest.raises(RecsysError):
            load_pack(path)
        assert not marker.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subclass", np.matrix),
        ("dtype", np.dtype(object)),
        ("dtype", "object"),
        ("shape", (-1,)),
        ("shape", ("4",)),
        ("order", "X"),
        ("__class__", dict),
        ("read", print),
    ],
)
def test_forged_array_descriptions_are_refused(path, field, value):
    class Forger(NumpyPickler):
        def _create_array_wrapper(self, array):
            wrapper = super()._create_array_wrapper(array)
            wrapper.__dict__[field] = value
            return wrapper

    buffer = io.BytesIO()
    try:
        Forger(buffer).dump({"a": np.arange(4)})
    except Exception:
        # What follows the forged description does not matter; it must never be read.
        buffer.write(b"\0" * 64)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(RecsysError):
        load_pack(path)


def test_missing_damaged_and_foreign_files_are_named(path):
    with pytest.raises(ArtifactError, match="does not exist"):
        load_pack(path)
    save_pack(path, PACK)
    whole = path.read_bytes()
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ArtifactError, match="damaged"):
            load_pack(path, mmap=False)
    path.write_bytes(b"user,item\n1,2\n")
    with pytest.raises(ArtifactError):
        load_pack(path)
    joblib.dump([1, 2], path)
    with pytest.raises(ArtifactError, match="not a pack"):
        load_pack(path)
