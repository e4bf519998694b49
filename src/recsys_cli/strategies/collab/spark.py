"""`als.backend = "spark"`: our interactions go to a Spark job, its factors come back as imports do.

What `recsys als train --backend spark` does in one step for a cluster that sees a folder of
ours; `recsys als export`, `recsys spark submit-command` and `recsys als import` are the same in
three steps for one that does not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli.errors import Command, TrainingError, UsageError
from recsys_cli.spark.launch import run_job
from recsys_cli.spark.submit import als_arguments, job_file
from recsys_cli.strategies.collab.factors import read_factors

if TYPE_CHECKING:
    from recsys_cli.build.stage import Context
    from recsys_cli.config.models import SparkConfig
    from recsys_cli.events.interactions import Interactions
    from recsys_cli.strategies.collab.als import AlsFactors


def train_on_spark(interactions: Interactions, context: Context) -> AlsFactors:
    """Factors of MLlib's ALS, by the settings of [als] and [spark].

    Raises:
        TrainingError: nothing to learn from.
        UsageError: no Spark, no Java, or a cluster without a folder to exchange files through.
        SparkError: the job failed.
        DataError: it left factors that cannot be used.
    """
    from recsys_cli.strategies.collab.als import AlsFactors

    section, spark = context.section("als"), context.config.spark
    table = interactions.to_frame()
    if table.is_empty():
        raise TrainingError(
            "there are no interactions with a weight above 0 to learn from",
            hint="check the dataset's event weights, and the cut-off if there is one",
        )
    with _exchange(spark, context) as folder:
        table.write_parquet(folder / "interactions.parquet")
        arguments = als_arguments(
            section,
            spark,
            interactions=str(folder / "interactions.parquet"),
            out=str(folder / "factors"),
        )
        run_job(
            job_file("train_als"),
            arguments,
            master=spark.master,
            conf={"spark.driver.memory": spark.driver_memory, **spark.conf},
            progress=context.progress,
        )
        users, user_known, _ = read_factors(
            folder / "factors" / "user_factors", n_rows=interactions.n_users, what="user"
        )
        items, item_known, _ = read_factors(
            folder / "factors" / "item_factors", n_rows=interactions.n_items, what="item"
        )
    return AlsFactors(
        user_factors=users,
        item_factors=items,
        user_known=user_known,
        item_known=item_known,
        regularization=spark.regularization,
        alpha=section.alpha,
        origin="spark",
        scale_by_count=True,
    )


@contextmanager
def _exchange(spark: SparkConfig, context: Context) -> Iterator[Path]:
    """A folder of this run that the job's machines see too, gone at the end."""
    if spark.exchange is None and not spark.master.startswith("local"):
        raise UsageError(
            f"the cluster {spark.master} and this machine need a folder that both see",
            hint=(
                "set spark.exchange to it; without one: ",
                Command("als", "export", "--out", "FOLDER"),
                ", ",
                Command("spark", "submit-command", "train_als"),
                ", ",
                Command("als", "import"),
            ),
        )
    parent = context.staging if spark.exchange is None else Path(spark.exchange)
    if not parent.is_dir():
        raise UsageError(f"spark.exchange: there is no folder {parent}", hint=f"mkdir -p {parent}")
    folder = Path(tempfile.mkdtemp(prefix=f"spark-{context.dataset}-", dir=parent)).resolve()
    # Executors run under other users than the one who submits.
    folder.chmod(0o777 if spark.exchange else 0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
