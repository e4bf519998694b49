"""How the server behaves under abuse."""

import os
import struct
import zlib

import pytest

from recsys_cli.store.packs import load_pack
from serve.conftest import app_over
from serve.hostile import HOSTILE
from serve.test_api import picture_file


@pytest.mark.parametrize("request_", HOSTILE, ids=lambda request: request["why"])
def test_hostile_requests_are_refused_in_order(client, request_):
    wanted = {k: v for k, v in request_.items() if k not in {"why", "status", "field"}}
    answer = client.request(**wanted)
    assert answer.status_code in request_["status"], answer.text
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["error"]
        if "field" in request_:
            assert request_["field"] in [one["field"] for one in problem["fields"]]


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"GIF89a nonsense", "it can't be read as a picture"),
        (picture_file()[:100], "it can't be read as a picture"),
        (bomb(100_000, 100_000), "image:"),
        (picture_file(kind="BMP"), "JPEG, PNG, WEBP, GIF"),
        (picture_file(kind="TIFF"), "JPEG, PNG, WEBP, GIF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "JPEG, PNG, WEBP, GIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it can't be read as a picture"),
    ],
)
@pytest.mark.parametrize("path", ["/recommend/from_image", "/embed/image"])
def test_pictures_that_are_none_or_too_much(client, path, data, why):
    answer = client.post(path, params={"dataset": "hm"}, files={"image": ("x.png", data)})
    assert answer.status_code == 422, answer.text
    assert why in answer.json()["error"]


def test_pixels_and_bytes_are_bounded(limited):
    client = limited(image_pixels=1000, image_bytes=20_000, body_bytes=500)
    params = {"params": {"dataset": "hm"}}
    large = client.post("/embed/image", files={"image": picture_file((50, 50))}, **params)
    assert large.status_code == 422
    assert "1,000 pixels" in large.json()["error"]
    heavy = client.post("/embed/image", files={"image": b"x" * 30_000}, **params)
    assert heavy.status_code == 422
    for path in ("/embed/image", "/recommend/from_image"):
        heavier = client.post(path, files={"image": b"x" * 50_000}, **params)
        assert heavier.status_code == 422
        assert heavier.json()["error"] == "image: it is larger than 20,000 bytes"
    body = client.post("/recommend/cold", json={"liked": ["x" * 100] * 10})
    assert body.status_code == 413


def test_bodies_without_a_length_are_bounded_too(limited):
    client = limited(body_bytes=500)

    def pieces():
        for _ in range(100):
            yield b" " * 100

    answer = client.post(
        "/recommend/cold", content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert "500 bytes" in answer.json()["error"]


def test_pictures_without_a_length_are_bounded_too(limited):
    client = limited(image_bytes=20_000)

    def pieces():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield b" " * 1000

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/embed/image", "/recommend/from_image"):
        answer = client.post(path, content=pieces(), headers=form, params={"dataset": "hm"})
        assert answer.status_code == 422
        assert answer.json()["error"] == "image: it is larger than 20,000 bytes"


def test_a_key_is_asked_for(limited):
    client = limited(api_key="secret")
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200
    for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": b"\xff\xfe"}):
        answer = client.get("/users", params={"dataset": "hm"}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["hint"] == "send it as X-API-Key"
    good = client.get("/users", params={"dataset": "hm"}, headers={"X-API-Key": "secret"})
    assert good.status_code == 200


def test_more_requests_than_fit_are_told_to_come_back(limited, monkeypatch):
    client = limited(concurrency=1)
    gate = client.app.middleware_stack
    while type(gate).__name__ != "Gate":
        gate = gate.app
    gate._in_flight = 1
    answer = client.get("/users", params={"dataset": "hm"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.get("/health").status_code == 200
    gate._in_flight = 0
    assert client.get("/users", params={"dataset": "hm"}).status_code == 200


def test_work_that_takes_too_long_is_given_up(limited, monkeypatch):
    import threading

    client = limited(timeout_seconds=0.05)
    go_on = threading.Event()
    served = client.app.state.context.state.served["hm"]
    monkeypatch.setattr(served.engine, "recommend_one", lambda *_, **__: go_on.wait(10) and {})
    try:
        answer = client.get("/recommend/user/x", params={"dataset": "hm"})
        assert answer.status_code == 503
        assert "longer than 0.05 s" in answer.json()["error"]
    finally:
        go_on.set()


def test_encoders_have_a_bounded_queue(limited, monkeypatch):
    client = limited(encoder_queue=1)
    encoding = client.app.state.context.encoding
    encoding._taken = encoding._room
    answer = client.post("/recommend/from_text", json={"text": "dress", "dataset": "hm"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.get("/recommend/user/x", params={"dataset": "hm"}).status_code == 200


def test_pages_of_other_origins_may_not_call_unless_named(limited, client):
    asked = {"Origin": "https://shop.example"}
    assert "access-control-allow-origin" not in client.get("/health", headers=asked).headers
    named = limited(cors=["https://shop.example"])
    allowed = named.get("/health", headers=asked).headers
    assert allowed["access-control-allow-origin"] == "https://shop.example"


def test_every_answer_has_security_headers(client):
    for path in ("/health", "/nowhere", "/users?limit=0"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]


def test_an_unexpected_error_tells_nothing(limited, monkeypatch, caplog):
    client = limited()
    served = client.app.state.context.state.served["hm"]

    def fail(*_, **__):
        raise ZeroDivisionError("private detail")

    monkeypatch.setattr(served.engine, "recommend_one", fail)
    answer = client.get("/recommend/user/x", params={"dataset": "hm"})
    assert answer.status_code == 500
    assert "private detail" not in answer.text
    assert "private detail" in caplog.text
    counted = 'recsys_strategy_errors_total{dataset="hm",strategy="auto"} 1.0'
    assert counted in client.get("/metrics").text
    failed = (
        'recsys_requests_total{method="GET",route="/recommend/user/{user:path}",status="500"} 1.0'
    )
    assert failed in client.get("/metrics").text


def test_pictures_stay_inside_their_folder(workspace, tmp_path):
    import polars as pl

    from committed import commit
    from recsys_cli.build.artifacts import Artifacts
    from recsys_cli.serve.items import ItemsTable
    from recsys_cli.store.scratch import Scratch
    from recsys_cli.store.workspace import Workspace

    root = workspace / "data/hm_raw/images"
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture_file(kind="JPEG"))
    (root / "link.jpg").symlink_to(secret)
    (root / "notes.txt").write_text("not a picture")
    (root / "page.jpg").write_text("<html><script>alert(1)</script>")
    (root / "bitmap.png").write_bytes(picture_file(kind="BMP"))
    (root / "fine.jpg").write_bytes(picture_file(kind="JPEG"))
    path = workspace / "artifacts/items_hm.parquet"
    items = pl.read_parquet(path)
    tricks = [
        "images/fine.jpg",
        "../../../secret.jpg",
        str(secret),
        "images/link.jpg",
        "images/notes.txt",
        "images/page.jpg",
        "images/bitmap.png",
        "images/gone.jpg",
        "images/" + "x" * 5000 + ".jpg",
        "images/\0.jpg",
    ]
    named = tricks + items["image"].to_list()[len(tricks) :]
    tricked = items.with_columns(pl.Series("image", named))
    commit(Workspace(workspace), "ingest", "hm", {"items": tricked.write_parquet})
    table = ItemsTable(Artifacts(Workspace(workspace), "hm"), Scratch(tmp_path / "scratch"))
    shown = [table.picture(row) for row in range(len(tricks))]
    assert shown == [(root / "fine.jpg").resolve(), *[None] * (len(tricks) - 1)]
    assert os.path.lexists(root / "link.jpg")
    assert load_pack(workspace / "artifacts/ids_hm.joblib")


@pytest.mark.slow
def test_schemathesis_finds_no_server_error(workspace, tmp_path):
    import hypothesis
    import schemathesis
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_asgi("/openapi.json", app_over(workspace, tmp_path))
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=25,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def never_fails(case):
            response = case.call()
            case.validate_response(response, checks=[not_a_server_error])

        never_fails()
        tried += 1
    assert tried >= 14
