"""Use cases: evaluating, tuning, exchanging factors, exporting, examining."""
