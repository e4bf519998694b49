"""`recsys demo`: a seeded generator of shop data in the raw H&M and RetailRocket schemas."""

from recsys_cli.datasets.demo.generate import DemoSummary, make_demo

__all__ = ["DemoSummary", "make_demo"]
