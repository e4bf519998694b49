"""Stages with declared inputs and outputs, and what builds them in order."""
