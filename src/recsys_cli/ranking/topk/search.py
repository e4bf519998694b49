"""Exact top-k for many users: a blocked scan over items in the order of their norms.

An inner product is at most the product of the norms, so with the items sorted by norm, longest
first, a user is done once |u| times the longest norm left is below the k-th best score found
(LEMP: Teflioudi, Gemulla and Mykytiuk, SIGMOD 2015; FEXIPRO: Li, Chan, Yiu and Mamoulis, SIGMOD
2017). Norms are taken in a basis chosen to make them small (`balance`). Blocks of users are
multiplied with runs of items in float32, and compiled loops (`topk_kernels`) keep what comes
within the float32 error of the k-th best; that is scored again in float64. A user with more
near-ties than there is room for is searched once more with exact scores throughout. Where
pruning does not pay (vectors of one length) its bookkeeping is dropped.

Threads take whole blocks and multiply with a single-threaded BLAS: memory stays at a few MB per
thread plus one sorted copy of the item vectors, whatever the number of users.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from threading import local

import numpy as np
import numpy.typing as npt

from recsys_cli.cores import available_cores
from recsys_cli.csr import CSR
from recsys_cli.progress import Progress
from recsys_cli.ranking.topk.balance import Basis
from recsys_cli.ranking.topk.lists import Items, Mask, Scores, empty_lists, top_k_shared
from recsys_cli.ranking.topk.scoring import Vectors, float32_slack, moved, upper_norms

_BLOCK = 1024
"""Users searched together; their float32 scores against one run of items fit in cache."""
_SCORES = 1 << 18
"""Scores computed at a time."""
_LONGEST_RUN = 4096
_GATHER_BELOW = 0.9
"""Share of a block's users left at which the others are dropped from the multiplication."""
_MARGIN = 8
"""Room for near-ties beyond k."""
_TRIAL_BLOCKS = 8
_PAYS_BELOW = 0.8
"""Share of the scores computed above which looking for an early exit is given up."""


@dataclass(frozen=True, slots=True)
class SortedItems:
    """Candidate items by norm, longest first, in a basis that makes the norms telling.

    Attributes:
        order: (m,) int32 item ids; of equal norms the lower id first.
        vectors: (m, f) float32 in that order and in `basis`.
        norms: (m,) float64 of `vectors`, rounded up.
        originals: (n_items, f) float32, all items as they were given.
        longest: largest norm among the candidates' originals, rounded up.
        basis: where users have to be taken to meet `vectors`.
    """

    order: Items
    vectors: Vectors
    norms: npt.NDArray[np.float64]
    originals: Vectors
    longest: float
    basis: Basis

    @property
    def n_items(self) -> int:
        """Size of the whole catalogue."""
        return len(self.originals)

    @classmethod
    def of(cls, items: Vectors, allow: Mask | None, users: Vectors) -> SortedItems:
        """Sort the rows of `items` (n_items, f) that `allow` (n_items,) lets through.

        `users` (n, f) are like those to be searched for; they only make the search faster.
        """
        ids = np.arange(len(items)) if allow is None else np.flatnonzero(allow)
        candidates = items if allow is None else items[ids]
        basis = Basis.balancing(users, candidates)
        vectors = moved(candidates, basis.items)
        norms = upper_norms(vectors)
        by_norm = np.argsort(-norms, kind="stable")
        longest = float(upper_norms(candidates).max(initial=0.0))
        order = ids[by_norm].astype(np.int32)
        return cls(order, vectors[by_norm], norms[by_norm], items, longest, basis)


@dataclass(slots=True)
class SearchReport:
    """What a search did.

    Attributes:
        users: users searched so far.
        computed: scores computed for them in the first pass.
        possible: users times candidates.
        searched_twice: users with more near-ties than there was room for.
    """

    users: int = 0
    computed: int = 0
    possible: int = 0
    searched_twice: int = 0

    @property
    def share(self) -> float:
        """Share of all scores that had to be computed."""
        return self.computed / self.possible if self.possible else 0.0

    @property
    def pays(self) -> bool:
        """Whether looking for an early exit saves enough to go on with it."""
        return self.users < _TRIAL_BLOCKS * _BLOCK or self.share < _PAYS_BELOW


@dataclass(frozen=True, slots=True)
class _Search:
    """One call's input and output, shared by its threads, which write to disjoint rows."""

    users: Vectors
    catalogue: SortedItems
    exclude: CSR
    items: Items
    scores: Scores
    zero: Mask
    unsure: Mask
    floor: npt.NDArray[np.float32]
    report: SearchReport = field(default_factory=SearchReport)
    buffers: local = field(default_factory=local)

    @property
    def k(self) -> int:
        return int(self.items.shape[1])

    def prepare(
        self, users: Vectors
    ) -> tuple[Vectors, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Some users in the catalogue's basis, their norms there, and their slack.

        The slack bounds both how far an approximate score and how far the true inner product
        in that basis may lie from the score.
        """
        catalogue = self.catalogue
        vectors = moved(users, catalogue.basis.users)
        norms = upper_norms(vectors)
        slack = float32_slack(users.shape[1], norms, catalogue.norms[0])
        slack += catalogue.basis.distortion * catalogue.longest * upper_norms(users)
        return vectors, norms, slack

    def multiply(self, users: Vectors, first: int) -> Vectors:
        """Approximate scores of `users` with the next run of items from place `first` on."""
        if not hasattr(self.buffers, "scores"):
            self.buffers.scores = np.empty(_SCORES, np.float32)
        length = min(_SCORES // len(users), _LONGEST_RUN)
        run = self.catalogue.vectors[first : first + length]
        scores: Vectors = self.buffers.scores[: len(users) * len(run)]
        return np.dot(users, run.T, out=scores.reshape(len(users), len(run)))


def search(
    users: Vectors,
    catalogue: SortedItems,
    *,
    k: int,
    exclude: CSR | None,
    threads: int,
    progress: Progress,
) -> tuple[Items, Scores, SearchReport]:
    """The k best of `catalogue` for each of `users` (n, f) float32, as `FactorRanker` defines.

    Args:
        users: user vectors, finite.
        catalogue: the candidates, at least one.
        k: list length.
        exclude: matrix of n rows, row i the items that user i must not get.
        threads: 0 means all cores that this process may run on.
        progress: told how many users are done.
    """
    n = len(users)
    items, scores = empty_lists(n, k)
    if exclude is None:
        exclude = CSR(np.zeros(n + 1, np.int64), np.empty(0, np.int32), catalogue.n_items)
    # Plain arrays, since numba is slow to recognise memory maps.
    exclude = CSR(np.asarray(exclude.indptr), np.asarray(exclude.indices), exclude.n_columns)
    zero, unsure, floor = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.empty(n, np.float32)
    job = _Search(users, catalogue, exclude, items, scores, zero, unsure, floor)
    progress.start("ranking", n)
    _in_threads(job, threads, progress)
    _rank_zero_users(job)
    return items, scores, job.report


def _in_threads(job: _Search, threads: int, progress: Progress) -> None:
    from threadpoolctl import threadpool_limits

    threads = threads or available_cores()
    # A BLAS pool beside ours fights it for the cores; with a busy neighbour it all but stops.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        starts = iter(range(0, len(job.users), _BLOCK))
        waiting: set[Future[SearchReport]] = set()
        while True:
            for start in islice(starts, 2 * threads - len(waiting)):
                waiting.add(pool.submit(_search_block, job, start))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                block = future.result()
                job.report.users += block.users
                job.report.computed += block.computed
                job.report.possible += block.possible
                progress.advance(block.users)
        ties = np.flatnonzero(job.unsure)
        job.report.searched_twice = len(ties)
        parts = (ties[start : start + _BLOCK] for start in range(0, len(ties), _BLOCK))
        for _ in pool.map(lambda rows: _search_exactly(job, rows), parts):
            pass


def _search_block(job: _Search, start: int) -> SearchReport:
    """Search one block of users; those with too many near-ties are marked unsure."""
    from recsys_cli.ranking.topk import kernels

    users = job.users[start : start + _BLOCK]
    catalogue, k, (vectors, norms, slack) = job.catalogue, job.k, job.prepare(users)
    values = np.full((len(users), k + _MARGIN), -np.inf, np.float32)
    places = np.empty(values.shape, np.int32)
    threshold, lost = (np.full(len(users), -np.inf, np.float32) for _ in range(2))
    zero = ~users.any(axis=1)
    active = np.flatnonzero(~zero).astype(np.int32)
    kept, left = np.empty_like(active), vectors[active]
    first = computed = 0
    while len(active) and first < len(catalogue.order):
        scores = job.multiply(left, first)
        kernels.scan(
            scores, active, first, catalogue.order, job.exclude.indptr, job.exclude.indices,
            start, k, slack, values, places, threshold, lost,
        )  # fmt: skip
        first += scores.shape[1]
        computed += scores.size
        if first < len(catalogue.order) and job.report.pays:
            norm = catalogue.norms[first]
            n_left = kernels.keep_unfinished(active, kept, norm, norms, slack, values, k)
            if n_left <= _GATHER_BELOW * len(active):
                active = kept[:n_left].copy()
                left = vectors[active]
    kernels.rescore(
        users, catalogue.originals, catalogue.order, values, places, threshold, lost,
        start, job.items, job.scores, job.unsure,
    )  # fmt: skip
    job.floor[start : start + len(users)] = threshold
    job.zero[start : start + len(users)] = zero
    return SearchReport(len(users), computed, len(users) * len(catalogue.order))


def _rank_zero_users(job: _Search) -> None:
    """A zero vector scores 0 with everything, so its list is the candidates by id."""
    rows = np.flatnonzero(job.zero)
    if not len(rows):
        return
    shared = np.full(job.catalogue.n_items, -np.inf, np.float32)
    shared[job.catalogue.order] = 0
    lists = top_k_shared(shared, n=len(rows), k=job.k, exclude=job.exclude.take(rows))
    job.items[rows], job.scores[rows] = lists


def _search_exactly(job: _Search, rows: npt.NDArray[np.int64]) -> None:
    """Search `rows` again from the threshold proved in the first pass, with exact scores."""
    from recsys_cli.ranking.topk import kernels

    users, exclude, catalogue = job.users[rows], job.exclude.take(rows), job.catalogue
    vectors, norms, slack = job.prepare(users)
    threshold = job.floor[rows]
    best, ids = np.empty((len(rows), job.k)), np.empty((len(rows), job.k), np.int32)
    filled = np.zeros(len(rows), np.int64)
    active, kept = np.arange(len(rows), dtype=np.int32), np.empty(len(rows), np.int32)
    left, first = vectors, 0
    while len(active) and first < len(catalogue.order):
        scores = job.multiply(left, first)
        kernels.scan_exactly(
            scores, active, first, users, catalogue.originals, catalogue.order,
            exclude.indptr, exclude.indices, slack, best, ids, filled, threshold,
        )  # fmt: skip
        first += scores.shape[1]
        if first < len(catalogue.order):
            norm = catalogue.norms[first]
            n_left = kernels.keep_exactly_unfinished(active, kept, norm, norms, slack, best, filled)
            active = kept[:n_left].copy()
            left = vectors[active]
    job.items[rows], job.scores[rows] = ids, best
