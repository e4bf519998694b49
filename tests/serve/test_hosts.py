"""By which names a server may be called."""

import pytest
from starlette.testclient import TestClient

from recsys_cli.assembly import load_config
from recsys_cli.errors import ConfigError
from recsys_cli.serve.hosts import Hosts
from recsys_cli.serve.pagefiles import PAGE_PATHS
from serve.conftest import app_over

OWN = [
    *("localhost", "LocalHost:8000", "localhost.", "localhost.:80", "127.0.0.1", "127.0.0.1:8000"),
    *("127.255.255.254", "[::1]", "[::1]:8000", "localhost:"),
]
OTHERS = [
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1"),
    *("[::2]", "2130706433", "127.1", "0x7f.0.0.1", "notlocalhost", "127.0.0.1..", "[fe80::1]"),
]
MALFORMED = [
    *("", " ", "a b", "a/b", "localhost@evil.example", "localhost:80:80", "localhost:x", "[::1"),
    *("::1", "localhost, evil.example", "http://localhost", "[localhost]", "."),
]


def refused(hosts: Hosts, *given: str, version: str = "1.1") -> bool:
    return hosts.problem(given, version) is not None


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_without_a_key_on_loopback_only_its_names_are_answered(listens_on):
    hosts = Hosts([], listens_on=listens_on, keyed=False)
    assert [host for host in OWN if refused(hosts, host)] == []
    assert [host for host in OTHERS + MALFORMED if not refused(hosts, host)] == []


@pytest.mark.parametrize(
    ("listens_on", "keyed", "allowed"),
    [
        ("127.0.0.1", True, []),
        ("0.0.0.0", False, []),
        ("::", False, []),
        ("127.0.0.1", False, ["*"]),
    ],
)
def test_elsewhere_any_name_will_do_that_is_one(listens_on, keyed, allowed):
    hosts = Hosts(allowed, listens_on=listens_on, keyed=keyed)
    assert [host for host in OWN + OTHERS[:5] if refused(hosts, host)] == []
    assert [host for host in MALFORMED if not refused(hosts, host)] == []
    assert refused(hosts)
    assert refused(hosts, "localhost", "localhost")
    assert not refused(hosts, version="1.0")


def test_names_may_be_added_or_be_all_there_are():
    named = ["Shop.example", "10.0.0.1", "::2"]
    on_loopback = Hosts(named, listens_on="127.0.0.1", keyed=False)
    with_key = Hosts(named, listens_on="0.0.0.0", keyed=True)
    for hosts in (on_loopback, with_key):
        for host in ("shop.example", "SHOP.example.:80", "10.0.0.1:80", "[::2]"):
            assert not refused(hosts, host)
        assert refused(hosts, "evil.example")
        assert refused(hosts, "a.shop.example")
    assert not refused(on_loopback, "localhost")
    assert refused(with_key, "localhost")
    with pytest.raises(ConfigError, match="a b"):
        Hosts(["a b"], listens_on="127.0.0.1", keyed=False)


def test_every_path_asks(built, tmp_path):
    assert load_config(built).serve.allowed_hosts == []
    with TestClient(app_over(built, tmp_path, allowed_hosts=[])) as client:
        for path in ("/health", "/ready", "/metrics", "/users", "/nope", *sorted(PAGE_PATHS)):
            answer = client.get(path)
            assert answer.status_code == 400, path
            assert answer.json()["error"] == "this server does not answer as 'testserver'"
            assert "serve.allowed_hosts" in answer.json()["hint"]
            assert client.get(path, headers={"Host": "localhost"}).status_code != 400
        assert client.post("/recommend/cold", json={}).status_code == 400
