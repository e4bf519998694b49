"""`python -m recsys_cli`."""

from recsys_cli.cli import main

main()
