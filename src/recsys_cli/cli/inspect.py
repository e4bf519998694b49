"""`recsys doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from recsys_cli.cli.console import print_json, print_line
from recsys_cli.cli.options import HERE, JsonOption, WorkspaceOption


def doctor(
    workspace: WorkspaceOption = HERE,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the end-to-end run.")] = False,
    json: JsonOption = False,
) -> None:
    """Check libraries, threads, GPU, OpenMP, disk and memory, and run a tiny pipeline."""
    from recsys_cli.apps.doctor import run_doctor

    checks = []
    for check in run_doctor(workspace, end_to_end=not quick):
        checks.append(check)
        if not json:
            print_line(f"{check.outcome}  {check.name:<14} {check.detail}")
            if check.hint:
                print_line(f"      → {check.hint}")
    if json:
        print_json({"checks": [asdict(check) for check in checks]})
    if any(check.outcome == "FAIL" for check in checks):
        raise typer.Exit(1)
