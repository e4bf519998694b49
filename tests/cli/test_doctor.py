"""The doctor's checks, and what a broken installation looks like to it."""

import json
from importlib.metadata import PackageNotFoundError

import pytest
from typer.testing import CliRunner

from recsys_cli.apps import doctor
from recsys_cli.cli.app import app
from recsys_cli.errors import in_words


@pytest.mark.slow
def test_a_sound_installation_passes(tmp_path):
    result = CliRunner().invoke(app, ["doctor", "--quick", "--json", "-w", str(tmp_path)])
    assert result.exit_code == 0, result.output
    checks = {c["name"]: c for c in json.loads(result.stdout)["checks"]}
    assert {"python", "polars", "implicit", "threads", "gpu", "openmp", "disk", "memory"} <= set(
        checks
    )
    assert all(c["outcome"] != "FAIL" for c in checks.values())


@pytest.mark.slow
def test_the_tiny_run_goes_from_data_to_a_recommendation(tmp_path):
    check = doctor._tiny_run()
    assert check.outcome == "PASS", check.detail
    assert "recommend and evaluate on" in check.detail


def test_missing_and_old_libraries_fail_with_the_command_to_install(monkeypatch):
    def version(name):
        if name == "polars":
            raise PackageNotFoundError(name)
        return "0.0.1"

    monkeypatch.setattr(doctor, "version", version)
    checks = {c.name: c for c in doctor._libraries()}
    assert checks["polars"].outcome == "FAIL"
    hint = in_words(checks["polars"].hint)
    assert hint.startswith(f"{doctor.sys.executable} -m pip install 'polars")
    assert checks["typer"].outcome == "FAIL"
    assert "0.0.1" in checks["typer"].detail


def test_libraries_that_kill_the_process_are_reported(monkeypatch):
    monkeypatch.setattr(doctor, "_probe", lambda _: (-6, ""))
    check = doctor._openmp()
    assert (check.outcome, "OpenMP" in check.hint) == ("FAIL", True)


def test_several_openmp_runtimes_warn_on_macos(monkeypatch):
    monkeypatch.setattr(doctor, "_probe", lambda _: (0, "/a/libomp.dylib\n/b/libiomp5.dylib"))
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    assert doctor._openmp().outcome == "WARN"


def test_low_disk_warns(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert doctor._disk(tmp_path / "not" / "there").outcome == "WARN"
