"""`recsys demo`: a seeded generator of shop data in the raw H&M and RetailRocket schemas."""

from recsys_cli.datasets.demo.generate import DemoSummary, make_demo
from recsys_cli.datasets.demo.nextday import NewDay, add_day, demo_folders

__all__ = ["DemoSummary", "NewDay", "add_day", "demo_folders", "make_demo"]
