"""`recsys demo`: a seeded generator of shop data in the raw H&M and RetailRocket schemas."""

from recsys_cli.datasets.demo.generate import (
    DEFAULT_ARTICLES,
    DEFAULT_CUSTOMERS,
    DEFAULT_MAX_IMAGES,
    DEFAULT_TRANSACTIONS,
    DemoSummary,
    make_demo,
)

__all__ = [
    "DEFAULT_ARTICLES",
    "DEFAULT_CUSTOMERS",
    "DEFAULT_MAX_IMAGES",
    "DEFAULT_TRANSACTIONS",
    "DemoSummary",
    "make_demo",
]
