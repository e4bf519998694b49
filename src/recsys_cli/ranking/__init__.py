"""Ranking: the contract, exact top-k, exclusion, fallbacks, metrics."""
