"""`recsys serve` as a process: it starts, says where, is refused, ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest


def start(root, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", "serve", "-w", str(root), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def ask(url: str, path: str, **headers: str) -> dict:
    request = urllib.request.Request(url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_and_ends_on_ctrl_c(built, workers):
    process = start(built, "--port", "0", "--workers", workers, RECSYS_API_KEY="secret")
    try:
        line = process.stdout.readline()
        assert line.startswith("Serving "), process.stderr.read()
        url = line.split()[-1]
        # Connections wait until a process takes them.
        ready = ask(url, "/ready")
        assert set(ready["datasets"]) == {"hm", "rr"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(url, "/users?dataset=hm")
        user = ask(url, "/users?dataset=hm", **{"X-API-Key": "secret"})["users"][0]
        path = f"/recommend/user/{user}?strategy=collab"
        answers = [ask(url, path, **{"X-API-Key": "secret"}) for _ in range(8)]
        assert len({answer.pop("request_id") for answer in answers}) == 8
        assert all(answer == answers[0] for answer in answers)
    finally:
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "Traceback" not in error
    assert error.strip() == "Stopped."


def test_a_taken_port_is_named_with_the_way_out(built):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = start(built, "--port", str(port))
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in error
    assert f"recsys serve --port {port + 1}" in error


def test_nothing_built_ends_with_the_command_to_run(raw):
    process = start(raw, "--port", "0")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"recsys build all -w {raw}" in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "0"], "[serve]: workers: "),
        (["--port", "70000"], "[serve]: port: "),
        (["--set", 'serve.allowed_hosts=["a b"]'], "'a b' is not the name of a host"),
        (["--dataset", "nope"], "there is no dataset 'nope'"),
    ],
)
def test_wrong_settings_are_refused(built, options, said):
    process = start(built, *options)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in error
