"""Ctrl-C ends with one exit code, wherever it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from recsys_cli.cli.app import main
from recsys_cli.cli.commands import COMMANDS, Entry

def interrupted() -> None:
    {statement}

class Interrupted(Entry):
    def function(self, name):
        return interrupted

COMMANDS["interrupted"] = Interrupted("Is interrupted.")
main()
"""


@pytest.mark.parametrize(
    "statement", ["raise KeyboardInterrupt", 'exec("raise KeyboardInterrupt")']
)
def test_an_interrupt_ends_with_130(tmp_path: Path, statement: str) -> None:
    (tmp_path / "interrupting.py").write_text(MODULE.format(statement=statement))
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "interrupting", "interrupted"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Stopped." in done.stderr) == (130, True), done.stderr
