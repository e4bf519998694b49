"""From a shop's raw files to measured, served recommendations, behind one command."""

__version__ = "0.1.0"
