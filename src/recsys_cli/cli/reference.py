"""Writes the command reference from the commands themselves.

python -m recsys_cli.cli.reference docs/cli.md
"""

from __future__ import annotations

import sys
from pathlib import Path


def reference() -> str:
    """All commands and options as Markdown."""
    import typer.main
    from typer.cli import get_docs_for_click

    from recsys_cli.cli.app import app

    command = typer.main.get_command(app)
    context = typer.Context(command)
    text = get_docs_for_click(obj=command, ctx=context, name="recsys", title="Commands")
    return "<!-- Written by `make docs`; edit the commands instead. -->\n\n" + text.strip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference())
