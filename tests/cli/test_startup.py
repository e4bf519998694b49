"""What starting the command costs: heavy libraries stay out until something needs them."""

import json
import subprocess
import sys

import pytest

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.build.freshness import outdated
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace

HEAVY = {
    "torch", "sentence_transformers", "open_clip", "pyspark", "lightgbm", "faiss", "fastapi",
    "implicit", "polars", "scipy", "numba", "pandas", "PIL",
}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """What is in sys.modules after `code` ran in a fresh interpreter."""
    probe = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def loaded_by(code: str) -> set[str]:
    """The top-level ones among them."""
    return {name.partition(".")[0] for name in modules_after(code)}


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
    assert not loaded_by(code) & (HEAVY | {"numpy", "pydantic", "rich"})


def recommending(workspace, strategy, before="") -> str:
    """A program that recommends for one user."""
    return f"""
import io, sys
from contextlib import redirect_stdout
{before}
from recsys_cli.cli import main
sys.argv = ["recsys", "recommend", "--user", "123", "--strategy", {strategy!r}, "--json",
            "-w", {str(workspace)!r}]
out = io.StringIO()
try:
    with redirect_stdout(out):
        main()
except SystemExit as end:
    assert end.code == 0
assert out.getvalue().startswith('{{"user": "123"'), out.getvalue()
"""


@pytest.mark.parametrize(
    "strategy", ["twotower", "collab", "content", "popular", "repurchase", "auto"]
)
def test_recommending_for_one_user_loads_only_numpy(built, strategy):
    assert not loaded_by(recommending(built, strategy)) & (HEAVY | {"rich"})


def test_a_strategy_is_served_without_importing_the_others(built):
    loaded = modules_after(recommending(built, "collab"))
    # Declarations are light; what they would open is not.
    rooms = ("hybrid.build", "hybrid.features", "content.serve", "graph.serve", "itemknn.serve")
    others = {f"recsys_cli.strategies.{room}" for room in rooms} & loaded
    light = {"recsys_cli.strategies.popular.train", "recsys_cli.build.stages"}
    others |= {name for name in loaded if name.endswith((".train", ".stages", ".runs"))} - light
    commands = {name for name in loaded if name.startswith("recsys_cli.cli.")}
    assert not others
    assert not commands & {f"recsys_cli.cli.{name}" for name in ("stages", "evaluate", "serve")}


def test_a_table_is_laid_out_without_a_library_that_draws(built):
    code = recommending(built, "collab").replace('"--json",', "")
    code = code.replace("""'{"user": "123"'""", "'123 in rr: collab'")
    assert "rich" not in loaded_by(code)


@pytest.mark.parametrize("strategy", ["collab", "auto"])
def test_recommending_for_one_user_opens_few_files(built, strategy):
    counting = f"""
opened = set()
def note(event, arguments):
    if event == "open" and {str(built)!r} in str(arguments[0]):
        opened.add(str(arguments[0]))
sys.addaudithook(note)"""
    first, second = (
        recommending(built, strategy, counting) + f"assert len(opened) <= {most}, sorted(opened)"
        # The first to read checks what it reads against the manifests.
        for most in (10_000, 40)
    )
    modules_after(first)
    modules_after(second)


def test_a_past_snapshot_that_was_built_again_is_noticed(workspace, config):
    opened = Workspace(workspace)
    name, digest = next(
        (name, digest)
        for manifest in opened.manifests("rr").values()
        for name, digest in manifest.recipe.inputs.items()
        if "@" in name
    )
    kind, _, folder = name.partition("@")
    past = Snapshot.from_folder(folder)
    assert f"{name} changed" not in str(outdated(Artifacts(opened, "rr"), config))
    for stage in opened.own_manifests("rr", past):
        path = opened.manifest_path(stage, "rr", past)
        path.write_text(path.read_text().replace(digest, "0" * 64))
    # Looked up only where it is younger than what was made from it.
    opened.path(kind, "rr", past).touch()
    assert f"{name} changed" in str(outdated(Artifacts(opened, "rr"), config))
