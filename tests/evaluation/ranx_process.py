"""ranx, which measures what ours is compared with."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class Ranx:
    """The independent library in a process of its own, asked one JSON line at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ranx_reference.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        )

    def ask(self, lists: list[list], truth: list[list], ks: Sequence[int]) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"lists": lists, "truth": truth, "ks": ks}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
