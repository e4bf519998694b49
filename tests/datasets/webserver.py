"""A small server of files: over HTTP as they are, and as a bucket in the protocol of S3."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "shop"
TIME = 1_700_000_000


@dataclass
class Files:
    """What is served.

    Attributes:
        content: bytes by path.
        cut: paths whose last bytes are withheld.
        wanted: what the Authorization header has to contain.
        asked: method and path of every request.
        address: where the server is.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    wanted: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving() -> Iterator[Files]:
    """A server of files that may be changed while it runs."""
    files = Files()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            parts = urlsplit(self.path)
            files.asked.append(f"{self.command} {self.path}")
            path, query = unquote(parts.path).strip("/"), parse_qs(parts.query)
            if files.wanted not in self.headers.get("Authorization", ""):
                self._send(403, b"<Error><Code>AccessDenied</Code></Error>", body=body)
            elif "list-type" in query:
                self._send(200, _listing(files, query.get("prefix", [""])[0]), body=body)
            elif (key := path.removeprefix(f"{BUCKET}/")) in files.content:
                self._send(200, files.content[key], body=body, cut=key in files.cut)
            else:
                self._send(404, b"<Error><Code>NoSuchKey</Code></Error>", body=body)

        def _send(self, status: int, content: bytes, *, body: bool, cut: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Last-Modified", formatdate(TIME, usegmt=True))
            self.send_header("ETag", _tag(content))
            self.end_headers()
            if body:
                self.wfile.write(content[: len(content) // 2] if cut else content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _listing(files: Files, prefix: str) -> bytes:
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
        f"<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>{_tag(content)}</ETag>"
        "</Contents>"
        for key, content in sorted(files.content.items())
        if key.startswith(prefix)
    )
    return (
        f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    ).encode()
