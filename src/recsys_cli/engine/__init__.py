"""Answers: strategies over the artifacts of a workspace, for one user, for all, for items."""
