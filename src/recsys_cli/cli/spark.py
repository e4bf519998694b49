"""`recsys spark submit-command`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from recsys_cli.cli import options
from recsys_cli.cli.console import print_line
from recsys_cli.moments import iso, moment_from

if TYPE_CHECKING:
    from recsys_cli.config import Config
    from recsys_cli.config.models import DatasetConfig


class Job(StrEnum):
    """The jobs that come with the package."""

    INTERACTIONS = "interactions"
    TRAIN_ALS = "train_als"
    RECOMMEND = "recommend"


class DeployMode(StrEnum):
    """Where the driver runs."""

    CLUSTER = "cluster"
    CLIENT = "client"


def submit_command(
    job: Annotated[Job, typer.Argument(help="The job to run.")],
    data: Annotated[
        str,
        typer.Option(
            help="Folder on the cluster's file system (hdfs://…, s3a://…, /mnt/…): raw/ with the"
            " raw events, and what the jobs make."
        ),
    ],
    workspace: options.Workspace = options.HERE,
    dataset: options.Dataset = None,
    overrides: options.Settings = None,
    master: Annotated[str, typer.Option(help="yarn, k8s://…, spark://… or local[N].")] = "yarn",
    deploy_mode: Annotated[
        DeployMode, typer.Option(help="Where the driver runs.")
    ] = DeployMode.CLUSTER,
    executors: Annotated[int, typer.Option(min=1, help="How many executors.")] = 4,
    executor_cores: Annotated[int, typer.Option(min=1, help="Cores of each.")] = 4,
    executor_memory: Annotated[str, typer.Option(help="Memory of each.")] = "8g",
    driver_memory: Annotated[
        str | None, options.configured("spark.driver_memory", "Memory of the driver.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Container image; needed on Kubernetes.")
    ] = None,
    as_of: options.AsOf = None,
    k: Annotated[int | None, options.length("Items per user.")] = None,
    exclude_seen: options.ExcludeSeen = None,
) -> None:
    """Print the spark-submit line of a job, with its file and arguments."""
    from recsys_cli.apps.opened import Opened
    from recsys_cli.config import only_dataset
    from recsys_cli.spark.submit import Cluster
    from recsys_cli.spark.submit import submit_command as line

    config = Opened(workspace, overrides=overrides or ()).config
    name = only_dataset(config, dataset)
    data = data.rstrip("/")
    if as_of:
        as_of = iso(moment_from(as_of, option="--as-of"))
    cluster = Cluster(
        master=master,
        deploy_mode=deploy_mode.value,
        executors=executors,
        cores=executor_cores,
        executor_memory=executor_memory,
        driver_memory=driver_memory or config.spark.driver_memory,
        image=image,
        conf=config.spark.conf,
    )
    arguments = _arguments(
        job, config, name, data=data, as_of=as_of, k=k, exclude_seen=exclude_seen
    )
    print_line(line(job.value, arguments, cluster, data=data))


def _arguments(
    job: Job,
    config: Config,
    dataset: str,
    *,
    data: str,
    as_of: str | None,
    k: int | None,
    exclude_seen: bool | None,
) -> list[str]:
    from recsys_cli.config.load import section_for
    from recsys_cli.spark.submit import als_arguments, interactions_arguments, recommend_arguments

    if job is Job.INTERACTIONS:
        section = section_for(config, "interactions", dataset)
        return interactions_arguments(config.datasets[dataset], section, data=data, as_of=as_of)
    if job is Job.TRAIN_ALS:
        return als_arguments(
            section_for(config, "als", dataset),
            config.spark,
            interactions=f"{data}/interactions/interactions",
            out=f"{data}/factors",
        )
    if exclude_seen is None:
        exclude_seen = not _repurchase(config.datasets[dataset])
    return recommend_arguments(data=data, k=k or config.recommend.k, exclude_seen=exclude_seen)


def _repurchase(section: DatasetConfig) -> bool:
    """Whether items may be recommended again: the dataset's setting, or its kind's default."""
    return section.kind == "hm" if section.repurchase is None else section.repurchase
