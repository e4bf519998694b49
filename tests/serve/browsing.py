"""What tests of the page share: a server of its own process, a browser, and what a page lists."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# As root there is no sandbox, and in a container little shared memory.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PATIENCE_MS = 20_000
STARTS_WITHIN_SECONDS = 90


class Server:
    """`recsys serve` over a workspace, on a port that it keeps when it is started again."""

    def __init__(self, root: Path, *, api_key: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._root, self._key = root, api_key
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "recsys_cli", "serve",
                "-w", str(self._root), "--port", str(self.port),
            ],
            stdout=subprocess.DEVNULL,
            env=os.environ | {"RECSYS_API_KEY": self._key},
        )  # fmt: skip
        last = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < last, "the server did not start"
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def get(self, path: str, **parameters):
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}/{path}{query}") as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        try:
            return bool(self.get("health"))
        except (urllib.error.URLError, ConnectionError):
            return False


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser):
    """Opens pages; afterwards nothing may have been wrong in any, or asked of anybody else."""
    contexts, wrong, foreign = [], [], []

    def open_page(url: str, *, allow: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def told(message) -> None:
            if message.type in {"error", "warning"} and not (allow and allow in message.text):
                wrong.append(message.text)

        def asked(request) -> None:
            if not request.url.startswith((url.partition("#")[0].rstrip("/"), "blob:", "data:")):
                foreign.append(request.url)

        page.on("console", told)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", asked)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong
    assert not foreign


def at(server: Server, view: str, name: str = "", **parameters) -> str:
    query = urlencode({"dataset": "hm"} | parameters, doseq=True)
    return f"{server.url}/#/{view}/{quote(name, safe='')}?{query}"


def listed(page) -> list[str]:
    """Ids of the tiles that are shown, once they are there."""
    page.wait_for_selector(".results:not([aria-busy]) .tile[data-id], .similar .tile[data-id]")
    return page.eval_on_selector_all(".tile[data-id]", "all => all.map(one => one.dataset.id)")


def ids(answer: dict) -> list[str]:
    return [item["item"] for item in answer["items"]]


def recommended(server: Server, user: str, **parameters) -> dict:
    path = f"recommend/user/{quote(user, safe='')}"
    return server.get(path, **{"dataset": "hm", "top_k": 24} | parameters)
