"""A real server, and what hostile clients send it, byte by byte."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

PATIENCE_SECONDS = 30
HOST = b"Host: localhost\r\n"
LAST = b"Connection: close\r\n"
JSON_BODY = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@contextmanager
def serving(root, *options: str, **environment: str):
    """A running server: its process and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", "serve", "-w", str(root), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("Serving "), process.stderr.read()
        port = int(line.rsplit(":", 1)[1])
        # A connection waits until a process takes it.
        assert b" 200 " in sent(port, request("/health", LAST))
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=60)


def request(path: str, *headers: bytes, method: str = "GET", body: bytes = b"") -> bytes:
    """A request with a host."""
    first = f"{method} {path} HTTP/1.1\r\n".encode()
    return b"".join([first, HOST, *headers, b"\r\n", body])


def opened(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(PATIENCE_SECONDS)
    return connection


def read(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = []
    while True:
        try:
            piece = connection.recv(1 << 16)
        except ConnectionError:
            break
        if not piece:
            break
        found.append(piece)
    return b"".join(found)


def sent(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """What comes back until the server closes."""
    with opened(port) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
            time.sleep(pause)
        return read(connection)


def seconds_of_trickle(port: int, first: bytes, piece: bytes) -> float:
    """How long the server puts up with a caller who goes on sending a little."""
    started = time.monotonic()
    with opened(port) as connection:
        connection.sendall(first)
        while time.monotonic() - started < PATIENCE_SECONDS:
            time.sleep(0.1)
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
    return time.monotonic() - started
