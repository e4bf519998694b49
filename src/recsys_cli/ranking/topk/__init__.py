"""Exclusion, allow-lists and top-k, written once for every strategy and consumer.

One semantic throughout: score descending, ties by the lower item id; excluded, disallowed and
non-candidate items never appear; lists are padded with -1 and NaN.
"""

from recsys_cli.ranking.topk.lists import rank_items, top_k_shared, top_k_sparse
from recsys_cli.ranking.topk.ranker import FactorRanker

__all__ = ["FactorRanker", "rank_items", "top_k_shared", "top_k_sparse"]
