"""The command lines of the jobs: their arguments from the settings, and spark-submit's around them.

Nothing runs here. `launch` runs what this makes on this machine; `recsys spark submit-command`
prints it for a cluster.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from recsys_cli.config.models import DatasetConfig, InteractionsConfig, SparkConfig

JOBS = ("interactions", "train_als", "recommend")
_EVENTS = {"hm": "transactions_train.csv", "retailrocket": "events.csv"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a job runs and how large its executors are.

    Attributes:
        master: yarn, k8s://…, spark://… or local[N].
        deploy_mode: cluster or client; a cluster's driver is best beside its executors.
        executors: how many.
        cores: of each.
        executor_memory: of each, such as 8g.
        driver_memory: such as 4g.
        image: container with Spark, PySpark, numpy and pyarrow; Kubernetes needs one.
        conf: further Spark settings.
    """

    master: str
    deploy_mode: str = "cluster"
    executors: int = 4
    cores: int = 4
    executor_memory: str = "8g"
    driver_memory: str = "4g"
    image: str | None = None
    conf: Mapping[str, str] | None = None


def job_file(job: str) -> Path:
    """The installed file of a job."""
    return Path(__file__).with_name(f"{job}.py")


def submit_command(job: str, arguments: Sequence[str], cluster: Cluster, *, data: str) -> str:
    """The spark-submit line, for a shell.

    Args:
        job: one of `JOBS`.
        arguments: its arguments.
        cluster: where it runs.
        data: folder on the cluster's file system; Kubernetes uploads the job below it.

    Raises:
        UsageError: Kubernetes without an image.
    """
    words = ["spark-submit", "--master", cluster.master]
    conf = dict(cluster.conf or {})
    if cluster.master.startswith("local"):
        words += ["--driver-memory", cluster.driver_memory]
    else:
        words += ["--deploy-mode", cluster.deploy_mode, "--name", f"recsys-{job}"]
        words += ["--num-executors", str(cluster.executors)]
        words += ["--executor-cores", str(cluster.cores)]
        words += ["--executor-memory", cluster.executor_memory]
        words += ["--driver-memory", cluster.driver_memory]
    if cluster.master.startswith("k8s://"):
        if cluster.image is None:
            raise UsageError(
                "Kubernetes runs Spark in a container image",
                hint="--image REGISTRY/IMAGE, with Spark, PySpark, numpy and pyarrow in it",
            )
        # spark-submit has no --num-executors for Kubernetes.
        at = words.index("--num-executors")
        words[at : at + 2] = []
        conf = {
            "spark.executor.instances": str(cluster.executors),
            "spark.kubernetes.container.image": cluster.image,
            "spark.kubernetes.file.upload.path": f"{data}/upload",
        } | conf
    for key, value in conf.items():
        words += ["--conf", f"{key}={value}"]
    return shlex.join([*words, str(job_file(job)), *arguments])


def als_arguments(section: Any, spark: SparkConfig, *, interactions: str, out: str) -> list[str]:
    """Arguments of train_als.py."""
    return [
        *("--interactions", interactions),
        *("--out", out),
        *("--factors", str(section.factors)),
        *("--iterations", str(section.iterations)),
        *("--regularization", str(spark.regularization)),
        *("--alpha", str(section.alpha)),
        *("--seed", str(section.seed)),
        *("--blocks", str(spark.blocks)),
    ]


def interactions_arguments(
    dataset: DatasetConfig, section: InteractionsConfig, *, data: str, as_of: str | None = None
) -> list[str]:
    """Arguments of interactions.py for a dataset's raw events, as they lie below `data`.

    Raises:
        ConfigError: recsys.toml does not say which file or which columns.
    """
    events = _EVENTS.get(dataset.kind) or dataset.events
    columns = dataset.columns.model_dump(exclude_none=True)
    missing = ['events = "FILE"'] if events is None else []
    if dataset.kind == "generic" and not {"user", "item"} <= set(columns):
        missing.append('columns = { user = "…", item = "…" }')
    if missing:
        raise ConfigError(
            "a job cannot guess where the events are and what their columns mean",
            hint=f"write into the dataset's section of recsys.toml: {', '.join(missing)}",
        )
    words = ["--kind", dataset.kind, "--events", f"{data}/raw/{events}"]
    words += ["--out", f"{data}/interactions"]
    for role, name in columns.items():
        if name:
            words += [f"--{role}-column", name]
    for kind, weight in (dataset.weights or {}).items():
        words += ["--weight", f"{kind}={weight}"]
    if dataset.value_as_weight:
        words.append("--value-as-weight")
    for option, value in (
        ("--half-life-days", section.half_life_days),
        ("--max-weight", section.max_weight),
        ("--as-of", as_of),
    ):
        if value is not None:
            words += [option, str(value)]
    return words


def recommend_arguments(*, data: str, k: int, exclude_seen: bool) -> list[str]:
    """Arguments of recommend.py for what the other two jobs wrote below `data`."""
    made = f"{data}/interactions"
    words = ["--factors", f"{data}/factors", "--users", f"{made}/users"]
    words += ["--items", f"{made}/items", "--out", f"{data}/recommendations", "-k", str(k)]
    return [*words, "--seen", f"{made}/interactions"] if exclude_seen else words
