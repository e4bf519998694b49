"""The build system: stages, plans, freshness, runs."""
