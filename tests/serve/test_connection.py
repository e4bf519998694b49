"""Callers who send too much, too slowly, or what is no request, over real connections."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve.wire import (
    CHUNKED,
    HOST,
    JSON_BODY,
    LAST,
    opened,
    read,
    request,
    seconds_of_trickle,
    sent,
    serving,
)

SECONDS = 1
COLD = "/recommend/cold"
BODY = b'{"dataset":"hm"}'
HM = ("--dataset", "hm")
LIMITS = [
    *HM,
    *("--set", f"serve.header_timeout_seconds={SECONDS}"),
    *("--set", f"serve.body_timeout_seconds={SECONDS}"),
]


@pytest.fixture(scope="module", params=["1", "2"], ids=["one process", "two processes"])
def server(request, built):
    with serving(built, *LIMITS, "--workers", request.param) as running:
        yield running


@pytest.fixture
def port(server) -> int:
    return server[1]


def answers(port: int) -> bool:
    return b" 200 " in sent(port, request("/ready", LAST))[:20]


def peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


MEGABYTES_32 = b"a" * (32 << 20)
TOO_LARGE = {
    "a header": [b"GET /ready HTTP/1.1\r\n", HOST, b"X: ", MEGABYTES_32, b"\r\n\r\n"],
    "a name": [b"GET /ready HTTP/1.1\r\n", HOST, MEGABYTES_32, b": x\r\n\r\n"],
    "a path": [b"GET /", MEGABYTES_32, b" HTTP/1.1\r\n", HOST, b"\r\n"],
    "a method": [MEGABYTES_32],
    "empty lines": [b"\r\n" * (1 << 20)],
    "many headers": [b"GET /ready HTTP/1.1\r\n", HOST, b"X: a\r\n" * 10_000, b"\r\n"],
    "101 headers": [b"GET /ready HTTP/1.1\r\n", HOST, b"X: a\r\n" * 101, b"\r\n"],
    "the second request": [request("/ready"), b"GET /ready HTTP/1.1\r\nX: ", MEGABYTES_32],
    "an upgrade": [
        request("/x", b"Upgrade: websocket\r\nConnection: upgrade\r\nX: ", MEGABYTES_32)
    ],
    "an extension of a chunk": [
        request(COLD, JSON_BODY, CHUNKED, method="POST"), b"1;", MEGABYTES_32, b"\r\n{\r\n",
    ],
    "extensions of chunks": [
        request(COLD, JSON_BODY, CHUNKED, method="POST"),
        *[b"1;" + b"a" * 1000 + b"\r\n{\r\n"] * 10_000,
    ],
    "zeros of a chunk's size": [
        request(COLD, JSON_BODY, CHUNKED, method="POST"), b"0" * (1 << 20), b"1\r\n{\r\n",
    ],
    "a trailer": [
        request(COLD, JSON_BODY, CHUNKED, method="POST"), b"1\r\n{\r\n0\r\nX: ", MEGABYTES_32,
    ],
    "trailers": [
        request(COLD, JSON_BODY, CHUNKED, method="POST"), b"1\r\n{\r\n0\r\n", b"X: a\r\n" * 100_000,
    ],
}  # fmt: skip


@pytest.mark.parametrize("why", TOO_LARGE)
def test_what_is_too_large_is_refused_at_once_and_not_kept(server, why):
    process, port = server
    before, started = peak_memory(process.pid), time.monotonic()
    answer = sent(port, *TOO_LARGE[why])
    assert b"HTTP/1.1 431 " in answer
    assert b"connection: close" in answer
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]
    assert time.monotonic() - started < 5
    assert peak_memory(process.pid) - before < 4 << 10
    assert answers(port)


def test_ordinary_requests_fit(port):
    long = b"X: " + b"a" * 60_000 + b"\r\n"
    assert b" 200 " in sent(port, request("/health", LAST, long))[:20]
    assert b" 200 " in sent(port, request("/health", LAST, b"X: a\r\n" * 90))[:20]


def test_half_sent_requests_do_not_stay(port):
    held = [opened(port) for _ in range(200)]
    started = time.monotonic()
    for number, connection in enumerate(held):
        connection.sendall((b"", b"GET /re", b"GET /ready HTTP/1.1\r\nHost: x\r\n")[number % 3])
    assert answers(port)
    said = [read(connection) for connection in held]
    assert time.monotonic() - started < 4 * SECONDS
    for number, answer in enumerate(said):
        assert answer.startswith(b"HTTP/1.1 408 ") if number % 3 else answer == b""
    for connection in held:
        connection.close()


TRICKLES = {
    "a head": (b"GET /ready HTTP/1.1\r\nX: ", b"x"),
    "headers": (b"GET /ready HTTP/1.1\r\n", b"X: x\r\n"),
    "empty lines": (b"\r\n", b"\r\n"),
    "a body": (request(COLD, JSON_BODY, b"Content-Length: 9999\r\n", method="POST"), b"x"),
    "chunks": (request(COLD, JSON_BODY, CHUNKED, method="POST"), b"1\r\nx\r\n"),
    "a size": (request(COLD, JSON_BODY, CHUNKED, method="POST"), b"0"),
    "a trailer": (request(COLD, JSON_BODY, CHUNKED, method="POST") + b"0\r\nX: ", b"x"),
    "a body that was refused": (
        request(COLD, JSON_BODY, b"Content-Length: 9999999\r\n", method="POST"), b"x",
    ),
    "a body of a path that is none": (
        request("/nope", JSON_BODY, b"Content-Length: 9999\r\n", method="POST"), b"x",
    ),
    "chunks that nobody reads": (request("/health", CHUNKED), b"1\r\nx\r\n"),
    "after an upgrade": (
        request("/health", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), b"x",
    ),
    "after the last request": (request("/health", LAST), b"x"),
    "after an answer": (request("/health"), b"\r\n"),
    "after a refusal": (b"no http\r\n\r\n", b"x"),
}  # fmt: skip


def test_what_trickles_is_given_up(port):
    with ThreadPoolExecutor(len(TRICKLES)) as pool:
        took = pool.map(lambda one: seconds_of_trickle(port, *one), TRICKLES.values())
        for why, seconds in zip(TRICKLES, took, strict=True):
            assert seconds < 6 * SECONDS, why
    assert answers(port)


def test_who_does_not_read_is_given_up(port):
    asked = request("/openapi.json") * 2000
    with opened(port) as connection:
        connection.settimeout(10 * SECONDS)
        connection.setsockopt(1, 8, 4096)
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(asked)
    assert answers(port)


def test_a_slow_body_that_goes_on_is_read(port):
    body = BODY + b" " * 100_000
    pieces = [body[at : at + 10_000] for at in range(0, len(body), 10_000)]
    head = request(
        COLD, JSON_BODY, LAST, f"Content-Length: {len(body)}\r\n".encode(), method="POST"
    )
    answer = sent(port, head, *pieces, pause=0.25 * SECONDS)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_who_is_still_sending_hears_the_refusal(port):
    head = request(COLD, JSON_BODY, b"Content-Length: 9000000\r\n", method="POST")
    answer = sent(port, head, *[b"x" * 90_000] * 100)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_pipelined_requests_are_answered_in_turn(port):
    asked = [request("/health")] * 50 + [request("/nope"), request("/health", LAST)]
    answer = sent(port, b"".join(asked))
    assert answer.count(b"HTTP/1.1 200 ") == 51
    assert answer.count(b"HTTP/1.1 404 ") == 1
    broken = sent(port, request("/openapi.json") + b"no http\r\n\r\n")
    assert broken.startswith(b"HTTP/1.1 200 ")
    whole, _, refusal = broken.rpartition(b"HTTP/1.1 400 ")
    assert json.loads(whole.partition(b"\r\n\r\n")[2])["openapi"]
    assert refusal


def test_nothing_is_smuggled_behind_a_request(port):
    inner = request("/metrics", LAST)
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
    for outer in (
        request(COLD, JSON_BODY, CHUNKED, method="POST", body=chunks + b"\r\n"),
        request(COLD, JSON_BODY, CHUNKED, method="POST", body=chunks + b"Host: x\r\n\r\n"),
        request("/health", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        request("/health", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        request("/health", LAST),
    ):
        answer = sent(port, outer + inner)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1 ") == 1
    for outer in (
        request(COLD, CHUNKED, b"Content-Length: 5\r\n", method="POST", body=b"0\r\n\r\n"),
        request(COLD, *[b"Content-Length: 5\r\n", b"Content-Length: 6\r\n"], method="POST"),
        request(COLD, b"Content-Length: -1\r\n", method="POST"),
        request(COLD, b"Content-Length: 99999999999999999999\r\n", method="POST"),
        request(COLD, b"Transfer-Encoding: x\r\n", method="POST"),
        b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    ):
        answer = sent(port, outer + inner)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1


def test_old_clients_are_answered(port):
    answer = sent(port, b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"}")


@pytest.mark.parametrize("headers", [b"", HOST * 2, b"Host: a b\r\n", b"Host: \r\n"])
def test_a_host_is_named_once(port, headers):
    answer = sent(port, b"GET /health HTTP/1.1\r\n" + headers + LAST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_the_host_of_the_address_counts(port):
    asked = b"GET http://evil.example/health HTTP/1.1\r\n" + HOST + LAST + b"\r\n"
    assert sent(port, asked).startswith(b"HTTP/1.1 400 ")


def test_idle_connections_make_room_for_others(built):
    options = ["--set", "serve.connections=20"]
    with serving(built, *HM, *options) as (_, port):
        held = [opened(port) for _ in range(100)]
        for _ in range(5):
            assert answers(port)
        for connection in held:
            connection.close()


def test_whoever_watches_is_answered_while_others_hold_all_places(built):
    with serving(built, *HM, "--set", "serve.concurrency=4") as (_, port):
        held = [opened(port) for _ in range(12)]
        for connection in held:
            connection.sendall(
                request(COLD, JSON_BODY, b"Content-Length: 9999\r\n", method="POST", body=b"{")
            )
        time.sleep(0.5)
        for path in ("/health", "/ready", "/metrics", "/"):
            started = time.monotonic()
            assert b" 200 " in sent(port, request(path, LAST))[:20], path
            assert time.monotonic() - started < 1
        assert b" 503 " in sent(port, request("/users?dataset=hm", LAST))[:20]
        for connection in held:
            connection.close()


def test_bodies_are_not_waited_for_without_the_key(built):
    with serving(built, *LIMITS, RECSYS_API_KEY="secret") as (_, port):
        head = request(COLD, JSON_BODY, b"Content-Length: 9999\r\n", method="POST")
        started = time.monotonic()
        answer = sent(port, head, b"{")
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close" in answer
        assert time.monotonic() - started < SECONDS
        assert seconds_of_trickle(port, head, b"x") < 4 * SECONDS
        # Who has the key is not asked for a name.
        other = b"GET /health HTTP/1.1\r\nHost: shop.example\r\n" + LAST + b"\r\n"
        assert sent(port, other).startswith(b"HTTP/1.1 200 ")


def test_it_stops_at_once_while_connections_wait(built):
    with serving(built, *HM) as (process, port):
        held = [opened(port) for _ in range(10)]
        held[0].sendall(b"GET /")
        held[1].sendall(request("/health"))
        time.sleep(0.2)
        started = time.monotonic()
        process.terminate()
        process.wait(30)
        assert time.monotonic() - started < 5
        for connection in held:
            connection.close()
