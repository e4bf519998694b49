"""`recsys validate`: the checks of an ingest, with nothing kept.

The tables are written into a temporary folder and thrown away, so that what passes here is what
`recsys ingest` accepts.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from recsys_cli.config.models import DatasetConfig
from recsys_cli.datasets.findings import Finding, Findings, ValidationReport
from recsys_cli.datasets.ingest import build
from recsys_cli.progress import Progress

__all__ = ["Finding", "ValidationReport", "validate"]


def validate(
    name: str, config: DatasetConfig, *, workspace: Path, progress: Progress | None = None
) -> ValidationReport:
    """Check a dataset's raw files.

    Args:
        name: the dataset's name.
        config: its section of recsys.toml.
        workspace: folder that `config.path` is relative to.
        progress: where progress goes.

    Raises:
        ConfigError: columns cannot be guessed, or a setting does not fit the data.
    """
    findings = Findings()
    with TemporaryDirectory(prefix="recsys-validate-") as scratch:
        build(
            name,
            config,
            workspace=workspace,
            out=Path(scratch),
            findings=findings,
            progress=progress,
        )
    return ValidationReport(name, tuple(findings.found))
