"""Searches settings on windows before the test window, which stays unseen."""

from recsys_cli.pipeline.tuning.outcome import Attempt, Tuned, apply
from recsys_cli.pipeline.tuning.study import tune
from recsys_cli.pipeline.tuning.targets import TARGETS, find_target
from recsys_cli.pipeline.tuning.windows import Search

__all__ = ["TARGETS", "Attempt", "Search", "Tuned", "apply", "find_target", "tune"]
