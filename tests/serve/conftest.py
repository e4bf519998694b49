"""An application over the built sample workspace, asked in this process."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from recsys_cli.assembly import load_config
from recsys_cli.config.load import changed
from recsys_cli.serve.app import create_app
from recsys_cli.serve.encoding import Meeting
from serve.browsing import browser, opened  # noqa: F401  (fixtures)


def app_over(root: Path, folder: Path, *, api_key: str | None = None, overrides=(), **settings):
    # The client calls itself so.
    defaults = {"reload_every": 0, "allowed_hosts": ["testserver"]}
    config = changed(load_config(root, overrides), "serve", defaults | settings)
    return create_app(root, config, Meeting(folder), api_key=api_key)


@pytest.fixture(scope="session")
def client(built, tmp_path_factory):
    """Asks an application with default limits. The encoders' process starts when needed."""
    # Sockets have short names.
    app = app_over(built, tmp_path_factory.mktemp("s"))
    with TestClient(app, raise_server_exceptions=False) as asked:
        yield asked


@pytest.fixture
def limited(built, tmp_path):
    """Makes clients of applications with other limits."""
    clients = []

    def make(**settings) -> TestClient:
        asked = TestClient(app_over(built, tmp_path, **settings), raise_server_exceptions=False)
        clients.append(asked.__enter__())
        return asked

    yield make
    for asked in clients:
        asked.__exit__(None, None, None)
