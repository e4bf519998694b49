"""Prints the findings of `recsys validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_cli.cli.console import print_line

if TYPE_CHECKING:
    from recsys_cli.datasets.findings import ValidationReport


def print_findings(report: ValidationReport) -> None:
    """One line per check, with the place, the count and an example under it."""
    print_line(f"{report.dataset}")
    for finding in report.findings:
        print_line(f"  {finding.status.upper():<4}  {finding}")
        if finding.hint and finding.status != "pass":
            print_line(f"        → {finding.hint}")
