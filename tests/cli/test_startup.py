"""What starting the command costs: heavy libraries stay out until something needs them."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch", "sentence_transformers", "open_clip", "pyspark", "lightgbm", "faiss", "fastapi",
    "implicit", "polars", "scipy", "numba", "pandas", "PIL",
}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Top-level modules in sys.modules after `code` ran in a fresh interpreter."""
    names = "sorted({m.split('.')[0] for m in sys.modules})"
    probe = f"{code}\nimport sys, json\nprint(json.dumps({names}))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_command_line_loads_nothing_heavy():
    loaded = loaded_by("import recsys_cli.cli")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "joblib"})


def test_help_loads_nothing_heavy():
    code = """
import io, sys
from contextlib import redirect_stdout
from recsys_cli.cli import main
sys.argv = ["recsys", "--help"]
try:
    with redirect_stdout(io.StringIO()):
        main()
except SystemExit as end:
    assert end.code == 0
"""
    assert not loaded_by(code) & (HEAVY | {"numpy", "pydantic"})


@pytest.mark.parametrize(
    "strategy", ["twotower", "collab", "content", "popular", "repurchase", "auto"]
)
def test_recommending_for_one_user_loads_only_numpy(built, strategy):
    code = f"""
import io, sys
from contextlib import redirect_stdout
from recsys_cli.cli import main
sys.argv = ["recsys", "recommend", "--user", "123", "--strategy", {strategy!r}, "--json",
            "-w", {str(built)!r}]
out = io.StringIO()
try:
    with redirect_stdout(out):
        main()
except SystemExit as end:
    assert end.code == 0
assert out.getvalue().startswith('{{"user": "123"'), out.getvalue()
"""
    assert not loaded_by(code) & HEAVY
