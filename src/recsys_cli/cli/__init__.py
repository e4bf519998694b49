"""The command line: parses, calls the library, renders; the only place that prints or exits."""

from recsys_cli.cli.app import main

__all__ = ["main"]
