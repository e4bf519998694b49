"""Searches settings on windows before the test window, which stays unseen."""

from recsys_cli.apps.tuning.outcome import Attempt, Tuned, apply
from recsys_cli.apps.tuning.study import tune
from recsys_cli.apps.tuning.targets import TARGETS, find_target
from recsys_cli.apps.tuning.windows import Search

__all__ = ["TARGETS", "Attempt", "Search", "Tuned", "apply", "find_target", "tune"]
