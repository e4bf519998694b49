"""The report of an evaluation as one HTML file that needs no network and runs no script."""
