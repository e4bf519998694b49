"""Leak-proof splits, metrics and confidence intervals."""
