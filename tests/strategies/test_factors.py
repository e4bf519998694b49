import gzip
import json
import os

import joblib
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_cli.errors import DataError, UnsafePackError
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.packs import save_pack
from recsys_cli.strategies.collab.factors import import_factors, read_factors
from recsys_cli.strategies.collab.idmaps import IdMap


def csv_text(ids, factors):
    lines = [",".join(["id", *(f"f{j}" for j in range(factors.shape[1]))])]
    lines += [
        ",".join([str(i), *(repr(float(x)) for x in row)])
        for i, row in zip(ids, factors, strict=True)
    ]
    return "\n".join(lines) + "\n"


def write(path, ids, factors):
    """One file in the layout that the path's name asks for; `.double` marks array<double>."""
    ids, name = np.asarray(ids), path.name
    if name.endswith(".csv"):
        path.write_text(csv_text(ids, factors))
    elif name.endswith(".csv.gz"):
        path.write_bytes(gzip.compress(csv_text(ids, factors).encode()))
    else:
        inner = pl.Float64 if "double" in name else pl.Float32
        shape = pl.Array(inner, factors.shape[1]) if "array" in name else pl.List(inner)
        pl.DataFrame(
            {
                "id": pl.Series(ids, dtype=pl.Int32),
                "features": pl.Series(factors.tolist(), dtype=shape),
            }
        ).write_parquet(path)


def folder(path, parts, *, suffix=".snappy.parquet"):
    """What Spark leaves: part files, their checksums and the marker."""
    path.mkdir()
    for number, (ids, factors) in enumerate(parts):
        part = path / f"part-{number:05d}-c000{suffix}"
        write(part, ids, factors)
        (path / f".{part.name}.crc").write_bytes(b"crc")
    (path / "_SUCCESS").touch()
    return path


LAYOUTS = ["x.csv", "x.csv.gz", "x.parquet", "x.double.parquet", "x.array.parquet"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_gives_the_same_bits(tmp_path, name):
    values = np.random.default_rng(3).normal(size=(3, 12)).astype(np.float32)
    write(tmp_path / name, [4, 0, 2], values)
    factors, known, report = read_factors(tmp_path / name, n_rows=6, what="user")
    assert factors.dtype == np.float32
    assert known.tolist() == [True, False, True, False, True, False]
    np.testing.assert_array_equal(factors[[4, 0, 2]], values)
    assert not factors[~known].any()
    assert (report.rank, report.rows, report.missing) == (12, 3, 3)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_order_and_split_into_parts_gives_the_same_table(tmp_path_factory, data):
    n, rank = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 4))
    ids = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    suffix = data.draw(st.sampled_from([".csv", ".snappy.parquet"]))
    table = np.random.default_rng(n).normal(size=(n, rank)).astype(np.float32)
    parts = [(part, table[part]) for part in np.split(np.array(ids), cuts)]
    path = folder(tmp_path_factory.mktemp("spark") / "out", parts, suffix=suffix)
    factors, known, report = read_factors(path, n_rows=n, what="item")
    assert set(np.flatnonzero(known)) == set(ids)
    np.testing.assert_array_equal(factors[known], table[known])
    assert report.files == len(parts)


def test_empty_part_files_are_fine_and_nothing_at_all_is_not(tmp_path):
    path = folder(tmp_path / "out", [([1], np.ones((1, 2)))], suffix=".csv")
    (path / "part-00001.csv").touch()
    (path / "part-00002.csv").write_text("id,f0,f1\n")
    assert read_factors(path, n_rows=2, what="user")[1].tolist() == [False, True]
    (tmp_path / "none.csv").touch()
    with pytest.raises(DataError, match="holds no factors"):
        read_factors(tmp_path / "none.csv", n_rows=2, what="user")


BAD_CSV = {
    "id,f0\n5,1\n7,1\n": "2 user ids are outside 0 to 3, such as 5",
    "id,f0\n-1,1\n": "such as -1",
    "id,f0\n1,1\n2,1\n1,2\n": "1 user id is there more than once, such as 1",
    "id,f0\n1.5,1\n2,1\n": "1 value in column id is no whole number, such as '1.5' in row 1",
    "id,f0\n1,1\n2,abc\n": "1 value in column f0 is no number, such as 'abc' in row 2",
    "id,f0\n1,1\n2,NaN\n": "1 row has factors that are empty, NaN or infinite, such as id 2",
    "id,f0\n1,inf\n2,2\n": "such as id 1",
    "id,f0\n1,\n2,2\n": "such as id 1",
    "id,f0\n,1\n2,2\n": "1 row has no id, such as row 1",
    "0,0.5\n1,0.5\n": "has the columns 0, 0.5",
    "id;f0\n1;1\n": "has the columns id;f0",
    "id,f0,f2\n1,1,1\n": "has the columns id, f0, f2",
    "id,f0,name\n1,1,x\n": "unknown columns: name",
    "id,f0\n1,1,1\n": "cannot be read",
}


@pytest.mark.parametrize(("text", "says"), BAD_CSV.items())
def test_what_is_wrong_with_a_csv_file_is_said(tmp_path, text, says):
    (tmp_path / "users.csv").write_text(text)
    with pytest.raises(DataError, match=r"users\.csv") as caught:
        read_factors(tmp_path / "users.csv", n_rows=4, what="user")
    assert says in caught.value.message


BAD_PARQUET = [
    ({"id": [0, 1], "features": [[1.0, 2.0], [1.0]]}, "1 row has no features or not 2"),
    ({"id": [0, 1], "features": [[1.0], None]}, "such as id 1"),
    ({"id": [0, 1], "features": [[1.0, None], [1.0, 2.0]]}, "empty, NaN or infinite"),
    ({"id": [0, 1], "features": [[1.0], [float("nan")]]}, "empty, NaN or infinite"),
    ({"id": [0.0, 1.0], "features": [[1.0], [1.0]]}, "ids are Float64"),
    ({"id": ["a", "b"], "features": [[1.0], [1.0]]}, "such as 'a'"),
    ({"id": [0, None], "features": [[1.0], [1.0]]}, "1 row has no id, such as row 2"),
    ({"id": [0, 1], "features": [["x"], ["y"]]}, "lists of String"),
    ({"id": [0, 1], "features": [1.0, 2.0]}, "not lists"),
    ({"user": [0, 1], "features": [[1.0], [2.0]]}, "has the columns user, features"),
]


@pytest.mark.parametrize(("columns", "says"), BAD_PARQUET)
def test_what_is_wrong_with_a_parquet_file_is_said(tmp_path, columns, says):
    pl.DataFrame(columns).write_parquet(tmp_path / "users.parquet")
    with pytest.raises(DataError, match=r"users\.parquet") as caught:
        read_factors(tmp_path / "users.parquet", n_rows=4, what="user")
    assert says in caught.value.message


def test_damaged_missing_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(DataError, match="cannot be read"):
        read_factors(tmp_path / "x.parquet", n_rows=4, what="user")
    with pytest.raises(DataError, match="does not exist"):
        read_factors(tmp_path / "absent.csv", n_rows=4, what="user")
    (tmp_path / "x.txt").touch()
    with pytest.raises(DataError, match=r"neither \.csv"):
        read_factors(tmp_path / "x.txt", n_rows=4, what="user")


def test_parts_must_agree(tmp_path):
    two, three = np.ones((1, 2)), np.ones((1, 3))
    path = folder(tmp_path / "rank", [([0], two), ([1], three)])
    with pytest.raises(DataError, match=r"00001.*3 factors per user, the files before it 2"):
        read_factors(path, n_rows=4, what="user")
    path = folder(tmp_path / "twice", [([0], two), ([0], two)])
    with pytest.raises(DataError, match=r"00001.*more than once"):
        read_factors(path, n_rows=4, what="user")


def test_output_of_an_unfinished_job_is_refused(tmp_path):
    path = folder(tmp_path / "out", [([0], np.ones((1, 2)))])
    (path / "_SUCCESS").unlink()
    with pytest.raises(DataError, match="has no _SUCCESS") as caught:
        read_factors(path, n_rows=1, what="user")
    assert f"touch {path}/_SUCCESS" in caught.value.hint
    (path / "_temporary").mkdir()
    with pytest.raises(DataError, match="did not finish"):
        read_factors(path, n_rows=1, what="user")


USERS, ITEMS = IdTable.from_strings(["anna", "bert", "0042"]), IdTable.from_strings(["x", "y"])


@pytest.fixture
def files(tmp_path):
    """Factors whose every entry is the number of its row."""
    users, items = tmp_path / "user_factors.csv", tmp_path / "item_factors.csv"
    write(users, [0, 1, 2], np.repeat(np.arange(3.0)[:, None], 2, axis=1))
    write(items, [0, 1], np.repeat(np.arange(2.0)[:, None], 2, axis=1))
    return users, items


def imported(files, **options):
    return import_factors(
        *files, user_ids=USERS, item_ids=ITEMS, regularization=0.1, alpha=40.0, **options
    )


def test_factors_in_our_own_numbering(files, tmp_path):
    path = tmp_path / "id_map.json"
    path.write_text(
        json.dumps(
            {"users_fingerprint": USERS.fingerprint(), "items_fingerprint": ITEMS.fingerprint()}
        )
    )
    model, report = imported(files, id_map=IdMap.load(path))
    assert model.user_factors[:, 0].tolist() == [0, 1, 2]
    assert (model.origin, model.alpha, model.regularization) == ("import", 40.0, 0.1)
    assert str(report) == "2 factors for 3 of 3 users and 2 of 2 items"


def test_factors_of_another_export_are_refused(files, tmp_path):
    path = tmp_path / "id_map.json"
    path.write_text(
        json.dumps({"users_fingerprint": "other", "items_fingerprint": ITEMS.fingerprint()})
    )
    with pytest.raises(DataError, match="from other users than") as caught:
        imported(files, id_map=IdMap.load(path))
    assert "als export" in caught.value.hint


OLD_MAPS = [
    {"user2id": {"bert": 0, "0042": 1, "carl": 2}, "item2id": {"y": 0, "x": 1}},
    {"idx_to_user": {0: "bert", 1: "0042", 2: "carl"}, "idx_to_item": {0: "y", 1: "x"}},
    {"users": ["bert", "0042", "carl"], "items": ["y", "x"]},
    {"user2id": {"bert": np.int64(0), "0042": 1, "carl": 2}, "item2id": {"y": 0, "x": 1}},
    {
        "id2user": {0: "bert", 1: "0042", 2: "carl"},
        "user_map": {"bert": 0, "0042": 1, "carl": 2},
        "item_names": {"x": "Shirt", "y": "Sock"},
        "item_map": {"y": 0, "x": 1},
        "n_users": 3,
    },
]


@pytest.mark.parametrize("content", OLD_MAPS)
def test_factors_in_the_numbering_of_an_old_map_move_to_our_rows(files, tmp_path, content):
    path = tmp_path / "id_mappings_hm.joblib"
    joblib.dump(content, path)
    model, report = imported(files, id_map=IdMap.load(path))
    assert model.user_known.tolist() == [False, True, True]
    assert model.user_factors[:, 0].tolist() == [0, 0, 1]
    assert model.item_factors[:, 0].tolist() == [1, 0]
    assert report.users.foreign == 1
    assert str(report) == (
        "2 factors for 2 of 3 users, 1 of unknown users left out and 2 of 2 items"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"user2id": {"a": 0}}, "has no mapping of items"),
        ({"user2id": {"a": 0, "b": 0}, "item2id": {"x": 0}}, "several ids the same number"),
        ({"user2id": {"a": 0, "b": 1.5}, "item2id": {"x": 0}}, "'b' the number 1.5"),
        ({"user2id": {"a": -1}, "item2id": {"x": 0}}, "'a' the number -1"),
    ],
)
def test_old_maps_that_make_no_sense_are_refused(tmp_path, content, says):
    save_pack(tmp_path / "m.joblib", content)
    with pytest.raises(DataError, match=says):
        IdMap.load(tmp_path / "m.joblib")


def test_an_old_map_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + str(tmp_path / "ran"),)

    joblib.dump({"user2id": {"a": 0}, "item2id": Evil()}, tmp_path / "m.joblib")
    with pytest.raises(UnsafePackError):
        IdMap.load(tmp_path / "m.joblib")
    assert not (tmp_path / "ran").exists()


def test_a_map_of_another_shop_is_refused(files, tmp_path):
    save_pack(tmp_path / "m.joblib", {"user2id": {"q": 0, "r": 1, "s": 2}, "item2id": {"x": 0}})
    with pytest.raises(DataError, match="none of the 3 users"):
        imported(files, id_map=IdMap.load(tmp_path / "m.joblib"))


def test_sides_of_different_rank_are_refused(files):
    users, items = files
    write(items, [0], np.ones((1, 3)))
    with pytest.raises(DataError, match=r"2 factors per user.*3 per item"):
        imported((users, items))


def test_swapped_sides_are_caught(files):
    users, items = files
    with pytest.raises(DataError, match="1 item id is outside 0 to 1") as caught:
        imported((items, users))
    assert "swapped" in caught.value.hint
