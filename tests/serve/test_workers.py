"""Processes that die, and that cannot start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serve.test_server import ask

PATIENCE_SECONDS = 60
# They find their artifacts, and then cannot use them.
NEEDED = ("ids", "popular", "interactions")


@pytest.fixture
def server(workspace):
    command = [sys.executable, "-m", "recsys_cli", "serve", "-w", str(workspace)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--workers", "2", "--dataset", "hm"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = process.stdout.readline().split()[-1]
    eventually(lambda: len(workers(process)) == 2 and ask(url, "/ready"))
    yield process, url
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)


def eventually(told) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while not told():
        assert time.monotonic() < last
        time.sleep(0.1)


def workers(process) -> list[int]:
    """Processes that answer, which listen: uvicorn's others do not."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in cmdline(pid)]


def cmdline(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def damage(workspace, *kinds: str) -> None:
    for kind in kinds:
        path = workspace / f"artifacts/{kind}_hm.joblib"
        path.unlink()
        path.write_bytes(b"damaged")


@pytest.mark.slow
def test_who_dies_is_replaced_by_one_that_serves_what_can_be_loaded(server, workspace):
    process, url = server
    damage(workspace, "als")
    before = workers(process)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: pid not in workers(process) and len(workers(process)) == 2)
    eventually(lambda: "collab" in ask(url, "/ready")["problems"].get("hm", {}))
    assert ask(url, "/recommend/user/x")["items"]


@pytest.mark.slow
def test_who_cannot_start_does_not_end_those_that_answer(server, workspace):
    process, url = server
    damage(workspace, *NEEDED)
    os.kill(workers(process)[0], signal.SIGKILL)
    last = time.monotonic() + 20
    while time.monotonic() < last:
        assert ask(url, "/recommend/user/x")["items"]
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert "ids_hm.joblib is damaged" in error
    assert "recsys build all" in error
    assert "Traceback" not in error
    # Once at first and every five seconds after it.
    assert error.count("a process could not start") <= 5


@pytest.mark.slow
def test_where_none_can_start_the_server_ends(server, workspace):
    process, _ = server
    damage(workspace, *NEEDED)
    for pid in workers(process):
        os.kill(pid, signal.SIGKILL)
    _, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3, error
    assert "no process of the server could start: " in error
    assert "recsys build all" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_where_none_could_ever_start_the_server_ends(workspace):
    damage(workspace, *NEEDED)
    process = subprocess.run(
        [
            *(sys.executable, "-m", "recsys_cli", "serve", "-w", str(workspace)),
            *("--port", "0", "--workers", "2", "--dataset", "hm"),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert process.returncode == 3, process.stderr
    assert "ids_hm.joblib is damaged" in process.stderr
    assert "Traceback" not in process.stderr
