"""What the benchmarks say about processes that end well, badly, or not at all."""

from __future__ import annotations

import sys

import pytest
from benchmarks.measuring import measure, succeed


def python(code: str, **options):
    return measure([sys.executable, "-c", code], **options)


def test_memory_of_the_children_counts() -> None:
    child = "import time; b = bytearray(150 << 20); time.sleep(4)"
    code = f"""
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", {child!r}]) for _ in range(2)]
print(sum(child.wait() for child in children))
"""
    found = python(code)
    assert (found.failure, found.out) == ("", "0\n")
    assert 300 < found.peak_mb < 450


def test_memory_of_the_one_that_measures_does_not_count() -> None:
    ballast = bytearray(300 << 20)
    assert 5 < python("").peak_mb < 100
    assert ballast


def test_cpu_time_is_not_wall_time() -> None:
    found = python("import time; time.sleep(1)")
    assert found.seconds >= 1
    assert found.cpu < 1


@pytest.mark.parametrize(
    ("code", "options", "message"),
    [
        ("raise ValueError('no such thing')", {}, "ValueError: no such thing"),
        ("import time; time.sleep(60)", {"timeout": 0.5}, "not done after 0.5 s"),
        ("bytearray(3 << 30)", {"memory_gb": 1}, "MemoryError"),
        ("import sys; sys.exit(3)", {}, "ended with 3"),
    ],
)
def test_the_message_is_why_it_failed(code: str, options: dict, message: str) -> None:
    assert python(code, **options).failure == message


def test_a_command_that_must_succeed_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="ended with 4"):
        succeed([sys.executable, "-c", "import sys; sys.exit(4)"])


def test_variables_are_added_to_those_there_are() -> None:
    code = "import os; print(os.environ['PATH'] != '', os.environ['ADDED'])"
    assert python(code, env={"ADDED": "yes"}).out == "True yes\n"
