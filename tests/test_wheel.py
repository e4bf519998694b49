"""The wheel holds the whole package, and runs from where it is installed."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from recsys_cli import __version__

REPOSITORY = Path(__file__).parent.parent
SOURCE = REPOSITORY / "src"


def run(*arguments: object, **options) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    pytest.importorskip("pip", reason="installing it needs pip")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", folder]
    run("-m", "pip", "wheel", REPOSITORY, *options)
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.slow
def test_the_wheel_holds_what_the_source_holds(wheel):
    """Packages, templates, the page's files and py.typed, and nothing else."""
    assert wheel.name.startswith(f"recsys_cli-{__version__}-py3-")
    source = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "recsys_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == source
    assert {Path(name).suffix for name in held} >= {".py", ".html", ".css", ".js", ".typed"}


def test_every_folder_with_modules_is_a_package():
    for folder in {path.parent for path in (SOURCE / "recsys_cli").rglob("*.py")}:
        assert (folder / "__init__.py").is_file(), folder


@pytest.mark.slow
def test_what_is_installed_runs(wheel, tmp_path):
    """On the libraries that are here, but with no source of the package but the wheel's."""
    site = tmp_path / "site"
    options = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--target", site]
    run("-m", "pip", "install", *options, wheel)
    environment = os.environ | {"PYTHONPATH": str(site)}
    probe = ["-c", "import recsys_cli; print(recsys_cli.__file__)"]
    where = run(*probe, cwd=tmp_path, env=environment)
    assert Path(where.strip()).is_relative_to(site)
    said = run("-m", "recsys_cli", "--version", cwd=tmp_path, env=environment)
    assert __version__ in said.split()
    helped = run("-m", "recsys_cli", "build", "--help", cwd=tmp_path, env=environment)
    assert "--dry-run" in helped


def test_the_changelog_has_a_section_for_the_version():
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert [name for name, _ in sections[:2]] == ["Unreleased", __version__]
    assert all(day for name, day in sections if name != "Unreleased")
