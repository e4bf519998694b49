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

from recsys_cli.columns import SESSION
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
    conf = dict(cluster.conf or {})
    options: dict[str, object] = {"master": cluster.master}
    if cluster.master.startswith("local"):
        options["driver_memory"] = cluster.driver_memory
    else:
        kubernetes = cluster.master.startswith("k8s://")
        options |= {
            "deploy_mode": cluster.deploy_mode,
            "name": f"recsys-{job}",
            # spark-submit has no such option for Kubernetes.
            "num_executors": None if kubernetes else cluster.executors,
            "executor_cores": cluster.cores,
            "executor_memory": cluster.executor_memory,
            "driver_memory": cluster.driver_memory,
        }
        if kubernetes:
            conf = _kubernetes(cluster, data) | conf
    words = ["spark-submit", *_options(**options)]
    for key, value in conf.items():
        words += _options(conf=f"{key}={value}")
    return shlex.join([*words, str(job_file(job)), *arguments])


def _kubernetes(cluster: Cluster, data: str) -> dict[str, str]:
    """Settings that Kubernetes needs."""
    if cluster.image is None:
        raise UsageError(
            "Kubernetes runs Spark in a container image",
            hint="--image REGISTRY/IMAGE, with Spark, PySpark, numpy and pyarrow in it",
        )
    return {
        "spark.executor.instances": str(cluster.executors),
        "spark.kubernetes.container.image": cluster.image,
        "spark.kubernetes.file.upload.path": f"{data}/upload",
    }


def _options(**values: object) -> list[str]:
    """`--some-option value` for each of the values that is set."""
    words: list[str] = []
    for name, value in values.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def als_arguments(section: Any, spark: SparkConfig, *, interactions: str, out: str) -> list[str]:
    """Arguments of train_als.py."""
    return _options(
        interactions=interactions,
        out=out,
        factors=section.factors,
        iterations=section.iterations,
        regularization=spark.regularization,
        alpha=section.alpha,
        seed=section.seed,
        blocks=spark.blocks,
    )


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
    words = _options(kind=dataset.kind, events=f"{data}/raw/{events}", out=f"{data}/interactions")
    roles = {role: name for role, name in columns.items() if name and role != SESSION}
    words += _options(**{f"{role}_column": name for role, name in roles.items()})
    for kind, weight in (dataset.weights or {}).items():
        words += _options(weight=f"{kind}={weight}")
    if dataset.value_as_weight:
        words.append("--value-as-weight")
    return words + _options(
        half_life_days=section.half_life_days, max_weight=section.max_weight, as_of=as_of
    )


def recommend_arguments(*, data: str, k: int, exclude_seen: bool) -> list[str]:
    """Arguments of recommend.py for what the other two jobs wrote below `data`."""
    made = f"{data}/interactions"
    return [
        *_options(factors=f"{data}/factors", users=f"{made}/users", items=f"{made}/items"),
        *_options(out=f"{data}/recommendations"),
        *("-k", str(k)),
        *_options(seen=f"{made}/interactions" if exclude_seen else None),
    ]
