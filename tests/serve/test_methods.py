"""HEAD answers where GET does, and what is not answered says what would be."""

import pytest
from starlette.testclient import TestClient

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.serve.pagefiles import PAGE_PATHS
from recsys_cli.store.workspace import Workspace
from serve.conftest import app_over
from serve.wire import LAST, request, sent, serving


def addresses(built) -> list[str]:
    hm = Artifacts(Workspace(built), "hm")
    user, item = hm.users[1], hm.items[1]
    return [
        *("/health", "/ready", "/metrics", "/eval", "/openapi.json", "/users?dataset=hm"),
        *(f"/recommend/user/{user}", f"/recommend/item/{item}?dataset=hm"),
        *(f"/items/{item}?dataset=hm", f"/items/{item}/image?dataset=hm"),
        *(f"/items?item={item}&dataset=hm", "/users/examples?dataset=hm"),
        *(f"/users/{user}/history?dataset=hm", "/columns/product_type_name/values?dataset=hm"),
        *("/nope", "/users/x/history?dataset=hm", "/users?dataset=hm&limit=0"),
        *sorted(PAGE_PATHS),
    ]


@pytest.fixture(scope="module")
def port(built):
    with serving(built) as (_, port):
        yield port


def parts(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def test_head_says_what_get_would(built, port):
    # The figures change from one look to the next.
    vary = {"date", "content-length"}
    for address in addresses(built):
        got, headers, body = parts(sent(port, request(address, LAST)))
        said, alike, nothing = parts(sent(port, request(address, LAST, method="HEAD")))
        assert (said, nothing) == (got, b""), address
        assert {k: v for k, v in alike.items() if k not in vary} == {
            k: v for k, v in headers.items() if k not in vary
        }
        assert int(headers["content-length"]) == len(body)
        if address != "/metrics":
            assert alike["content-length"] == headers["content-length"], address


def test_a_connection_goes_on_after_head(port):
    answer = sent(port, request("/health", method="HEAD") + request("/health", LAST))
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b'"status"') == 1


def test_head_has_no_body_without_a_server_either(client):
    answer = client.head("/ready")
    assert (answer.status_code, answer.content) == (200, b"")


def test_other_methods_are_told_which_there_are(client, built):
    for address in addresses(built):
        if address == "/nope":
            continue
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "X"):
            answer = client.request(method, address)
            assert answer.status_code == 405, (method, address)
            assert answer.headers["allow"] == "GET, HEAD", address
            assert answer.json()["error"]
    for path in ("/recommend/cold", "/recommend/from_text", "/recommend/from_image"):
        for method in ("GET", "HEAD", "PUT"):
            answer = client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_head_needs_the_key_and_counts_as_itself(built, tmp_path):
    with TestClient(app_over(built, tmp_path, api_key="secret")) as asked:
        assert asked.head("/users").status_code == 401
        assert asked.head("/health").status_code == 200
        text = asked.get("/metrics", headers={"X-API-Key": "secret"}).text
    assert 'method="HEAD",route="/health",status="200"' in text
