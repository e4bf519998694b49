"""Alternating least squares on implicit feedback (Hu, Koren and Volinsky, ICDM 2008).

Interactions come in, user and item factors go out, float32, rows not normalised; the score of a
user and an item is their inner product. The model minimises

    Σ c_ui (p_ui - x_u·y_i)² + λ (Σ|x_u|² + Σ|y_i|²),   c_ui = 1 + α w_ui

over all users u and items i, where p_ui is 1 for pairs of weight w_ui > 0 and 0 for all others.
`implicit` takes the confidences c_ui themselves as its matrix (its own `alpha` multiplies them,
and only on the CPU), so they are computed here once and its alpha stays 1. λ is not scaled by
the number of interactions; Spark's is, which factors from there remember (`scale_by_count`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recsys_cli.config.models import Backend
from recsys_cli.cores import available_cores
from recsys_cli.counted import counted
from recsys_cli.csr import CSR
from recsys_cli.errors import TrainingError, UsageError, pip_install
from recsys_cli.events.interactions import Interactions
from recsys_cli.progress import Progress, Silent
from recsys_cli.store.packs import Packed
from recsys_cli.strategies.collab import AlsConfig
from recsys_cli.strategies.collab.foldin import Matrix, fold_in, parts_of

if TYPE_CHECKING:
    import scipy.sparse

Factors = npt.NDArray[np.float32]
Known = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AlsFactors(Packed):
    """Factors of users and items, and what they were made with.

    Attributes:
        user_factors: (n_users, f) float32; zero rows where not known.
        item_factors: (n_items, f) float32; zero rows where not known.
        user_known: (n_users,) bool, whether the user had any interaction to learn from.
        item_known: (n_items,) bool.
        factors: f, their dimension.
        regularization: λ, which folding in a new user needs too.
        alpha: α.
        origin: implicit-cpu, implicit-gpu, spark or import.
        scale_by_count: whether λ was multiplied by the number of the user's or item's pairs, as
            Spark does.
    """

    user_factors: Factors
    item_factors: Factors
    user_known: Known
    item_known: Known
    factors: int = field(init=False)
    regularization: float
    alpha: float
    origin: str
    scale_by_count: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", int(self.item_factors.shape[1]))

    def fold_in(self, items: CSR, *, gram: Matrix | None = None) -> Factors:
        """Factors of users who were not there in training, with the settings of the training.

        Args:
            items: matrix of n users by n_items; `data` holds the weights w, and is 1 where missing.
            gram: `gram_matrix(item_factors)`, where the caller has it already.

        Returns:
            (n, f) float32; zeros for a user without items.

        Raises:
            ValueError: see `foldin.fold_in`.
        """
        return fold_in(
            self.item_factors,
            items,
            regularization=self.regularization,
            alpha=self.alpha,
            gram=gram,
            scale_by_count=self.scale_by_count,
        )

    def parts(
        self, history: CSR, items: npt.NDArray[np.int32], *, gram: Matrix | None = None
    ) -> Matrix:
        """(m, entries) what each entry of one row adds to the scores of `items` (m,).

        Section 5 of Hu, Koren and Volinsky 2008: by factors folded in, a score is y_i·W·Σ c_j y_j.
        """
        return parts_of(
            self.item_factors,
            history,
            items,
            regularization=self.regularization,
            alpha=self.alpha,
            gram=gram,
            scale_by_count=self.scale_by_count,
        )


def train_als(
    interactions: Interactions,
    config: AlsConfig,
    *,
    start: AlsFactors | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> AlsFactors:
    """Train factors with `implicit`, on the GPU where there is one that works.

    Same interactions, config, start and threads give the same bytes.

    Args:
        interactions: what to learn from; pairs of weight 0 are left out.
        config: dimension, iterations, λ, α, backend and seed.
        start: factors of other interactions of the same users and items to start from, which
            takes `warm_iterations` in place of `iterations`; from random ones where it is None
            or of another dimension.
        threads: CPU threads; 0 means all cores that this process may run on.
        progress: told of each iteration, and what ran.

    Raises:
        TrainingError: nothing to learn from, or factors that are not finite.
        UsageError: the GPU was asked for and does not work.
    """
    from threadpoolctl import threadpool_limits

    progress = progress or Silent()
    # Loaded first, since a limit on BLAS reaches only the libraries that are loaded.
    implicit = _implicit()
    backend = choose_backend(config.backend)
    confidence = confidence_matrix(interactions, config.alpha)
    if confidence.nnz == 0:
        raise TrainingError(
            "there are no interactions with a weight above 0 to learn from",
            hint="check the dataset's event weights, and the cut-off if there is one",
        )
    progress.log(f"ALS runs on the {backend.upper()}: {counted(confidence.nnz, 'interactions')}")
    if start is not None and start.factors != config.factors:
        start = None
    iterations = config.iterations if start is None else config.warm_iterations
    progress.start("training ALS", iterations)
    # A BLAS pool beside implicit's own threads makes it several times slower.
    with threadpool_limits(1, "blas"):
        users, items = _fit(
            implicit,
            confidence,
            config,
            start=start,
            iterations=iterations,
            backend=backend,
            threads=threads or available_cores(),
            progress=progress,
        )
    _check_finite(users, "user")
    _check_finite(items, "item")
    user_known = np.diff(confidence.indptr) > 0
    item_known = np.bincount(confidence.indices, minlength=interactions.n_items) > 0
    return AlsFactors(
        user_factors=_zero_unknown(users, user_known),
        item_factors=_zero_unknown(items, item_known),
        user_known=user_known,
        item_known=item_known,
        regularization=config.regularization,
        alpha=config.alpha,
        origin=f"implicit-{backend}",
    )


def confidence_matrix(interactions: Interactions, alpha: float) -> scipy.sparse.csr_matrix:
    """Users by items, c = 1 + α w in float32 where w > 0, nothing elsewhere."""
    indptr, indices, weight = interactions.indptr, interactions.indices, interactions.weight
    keep = weight > 0
    if not keep.all():
        kept_before = np.concatenate(([0], np.cumsum(keep)))
        indptr, indices, weight = kept_before[indptr], indices[keep], weight[keep]
    confidence = weight * np.float32(alpha)
    confidence += 1
    # implicit's compiled code refuses read-only memory, such as a memory-mapped pack.
    indptr, indices = np.require(indptr, None, "W"), np.require(indices, None, "W")
    return CSR(indptr, indices, interactions.n_items, np.asarray(confidence)).to_scipy()


def choose_backend(wanted: Backend) -> str:
    """The backend that will run, cpu or gpu.

    Raises:
        UsageError: the GPU was asked for and does not work.
    """
    if wanted == "cpu":
        return "cpu"
    reason = _why_no_gpu()
    if reason is None:
        return "gpu"
    if wanted == "gpu":
        raise UsageError(
            f"ALS cannot run on a GPU: {reason}",
            hint=(
                pip_install("implicit[gpu]"),
                " on a machine with an NVIDIA GPU, or set als.backend to auto or cpu",
            ),
        )
    return "cpu"


def _implicit() -> Any:
    with warnings.catch_warnings():
        # Without a GPU it may warn on import; `_why_no_gpu` says the same where it matters.
        warnings.simplefilter("ignore")
        import implicit.als
        import implicit.gpu
        import implicit.recommender_base
    return implicit


def _why_no_gpu() -> str | None:
    """None where `implicit` can use a GPU, else what stands in the way."""
    implicit = _implicit()
    if not implicit.gpu.HAS_CUDA:
        return "this build of implicit has no GPU support, or no driver answers"
    try:
        implicit.gpu.Matrix.zeros(1, 1)
    except Exception as error:
        # CUDA reports a missing, busy or too old device through several exception types.
        return f"the device does not work ({error})"
    return None


def _fit(
    implicit: Any,
    confidence: scipy.sparse.csr_matrix,
    config: AlsConfig,
    *,
    start: AlsFactors | None,
    iterations: int,
    backend: str,
    threads: int,
    progress: Progress,
) -> tuple[Factors, Factors]:
    model = implicit.als.AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.regularization,
        alpha=1.0,
        iterations=iterations,
        use_gpu=backend == "gpu",
        num_threads=threads,
        random_state=config.seed,
    )
    if start is not None:
        place = implicit.gpu.Matrix if backend == "gpu" else np.array
        model.user_factors, model.item_factors = (
            place(np.asarray(factors)) for factors in (start.user_factors, start.item_factors)
        )
    try:
        model.fit(confidence, show_progress=False, callback=lambda *_: progress.advance())
    except implicit.recommender_base.ModelFitError as error:
        raise _not_finite("user or item") from error
    if backend == "gpu":
        return model.user_factors.to_numpy(), model.item_factors.to_numpy()
    return model.user_factors, model.item_factors


def _check_finite(factors: Factors, what: str) -> None:
    # The sum of finite float32 numbers is finite in float64, and needs no mask of their size.
    if not np.isfinite(factors.sum(dtype=np.float64)):
        raise _not_finite(what)


def _not_finite(what: str) -> TrainingError:
    return TrainingError(
        f"training gave {what} factors that are not finite",
        hint="raise als.regularization above 0, lower als.alpha, or cap interactions.max_weight",
    )


def _zero_unknown(factors: Factors, known: Known) -> Factors:
    if factors[~known].any():
        factors[~known] = 0
    return factors
