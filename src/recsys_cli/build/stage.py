"""What a stage is: declared inputs and outputs, the config it reads, and a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recsys_cli.config.load import section_for
from recsys_cli.cores import available_cores
from recsys_cli.store.kinds import Switch
from recsys_cli.store.snapshot import Snapshot
from recsys_cli.store.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

    from recsys_cli.build.timeline import Timeline
    from recsys_cli.config import Config
    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.progress import Progress
    from recsys_cli.store.files import HashMemo

Facts = dict[str, Any]
Source = tuple[str, str]
"""A kind of artifact and the dataset it is of."""
Landmark = Literal["start", "fitted"]
START: Landmark = "start"
FITTED: Landmark = "fitted"
"""The snapshots of what is trained from nothing only now and then: see `Extent.past`."""
Back = int | Landmark
"""How many windows before a stage's snapshot something is from, or from which of those."""
Past = tuple[str, Back]
"""A kind of artifact, and how far back it is from."""
PastSource = tuple[str, Back, Snapshot]
"""The same with the snapshot that this comes to."""


@dataclass(frozen=True)
class Context:
    """What a running stage may use.

    Attributes:
        workspace: where inputs lie.
        config: the whole configuration; a stage reads only the sections it declares.
        dataset: name of the dataset.
        snapshot: the events it may see.
        staging: folder that receives the outputs under their final names.
        progress: where it reports.
        timeline: tells which snapshots lie before this one.
        reads: the artifacts it may read; of its declared inputs, those whose stage is on.
        past_reads: likewise of earlier snapshots.
    """

    workspace: Workspace
    config: Config
    dataset: str
    snapshot: Snapshot
    staging: Path
    progress: Progress
    timeline: Timeline
    reads: Sequence[Source] = ()
    past_reads: Sequence[PastSource] = ()

    def input(self, kind: str, dataset: str | None = None) -> Path:
        """An input artifact, checked, by default of this stage's dataset."""
        return self.workspace.file(kind, dataset or self.dataset, self.snapshot)

    def pack(self, kind: str) -> Mapping[str, Any]:
        """An input pack that knows of all users and items that there are, as readers see it."""
        from recsys_cli.build.artifacts import Artifacts

        return Artifacts(self.workspace, self.dataset, self.snapshot).pack(kind)

    def past_input(self, kind: str, back: Back) -> Path | None:
        """An input artifact of an earlier snapshot, checked; None where there is no such one."""
        found = [at for name, how, at in self.past_reads if (name, how) == (kind, back)]
        return self.workspace.file(kind, self.dataset, found[0]) if found else None

    def past_pack(self, kind: str, back: Back, *, like: Mapping[str, Any]) -> Any:
        """Such a pack with rows of nothing for those who have come since; None where there is none.

        `like` is a pack of the users and items of this stage's snapshot.
        """
        from recsys_cli.store.kinds import ARTIFACTS
        from recsys_cli.store.layout import ITEMS, USERS, grown
        from recsys_cli.store.packs import load_pack

        path, layout = self.past_input(kind, back), ARTIFACTS[kind].layout
        if path is None or layout is None:
            return None
        return grown(load_pack(path), layout, {USERS: like["n_users"], ITEMS: like["n_items"]})

    def earlier(self, windows: int) -> Snapshot:
        """The snapshot that many test windows before this one."""
        return self.timeline.known(self.dataset).earlier(self.snapshot, windows)

    def window(self, ago: int) -> tuple[Snapshot, Snapshot]:
        """Where the window begins that follows the snapshot `ago` windows before, and ends."""
        return self.timeline.known(self.dataset).window(self.snapshot, ago)

    def inputs(self, kind: str) -> dict[str, Path]:
        """Paths of the inputs of one kind by dataset; none where its stage is off."""
        return {owner: self.input(kind, owner) for read, owner in self.reads if read == kind}

    def events(self) -> pl.LazyFrame:
        """All canonical events of the dataset, as far as the snapshot knows what was returned."""
        import polars as pl

        from recsys_cli.datasets.returns import as_known

        events, at = pl.scan_parquet(self.input("events")), self.snapshot.as_of
        if at is None or not self.workspace.path("returned", self.dataset).exists():
            return events
        return as_known(events, pl.scan_parquet(self.input("returned")), at)

    def output(self, kind: str) -> Path:
        """Path to write an output artifact to."""
        return self.staging / self.workspace.path(kind, self.dataset, self.snapshot).name

    def section(self, name: str) -> Any:
        """A config section with this dataset's overrides applied."""
        return section_for(self.config, name, self.dataset)

    @cached_property
    def spec(self) -> DatasetSpec:
        """The dataset's spec."""
        from recsys_cli.datasets.spec import read_spec

        return read_spec(self.input("spec"))

    @property
    def threads(self) -> int:
        """Threads to use: the config's, or all cores this process may run on."""
        return self.config.threads or available_cores()


@dataclass(frozen=True)
class Surroundings:
    """What a stage may look at, besides its inputs, to tell what its result depends on."""

    workspace: Workspace
    config: Config
    dataset: str
    hashes: HashMemo
    progress: Progress


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: name on the command line, such as als.train.
        summary: what it does, for `--explain` and the docs.
        inputs: kinds of artifact it reads.
        outputs: kinds of artifact it makes.
        sections: config sections, or single settings of one, that change its result.
        run: the work; returns facts for the manifest (counts, shapes, seed, device).
        version: raised when a code change changes the result.
        reads_raw: whether it reads the dataset's raw files.
        per_snapshot: whether each snapshot has its own result.
        whole: whether it runs once for the workspace, reading every dataset's inputs.
        switch: what turns it on; None is always on. One that is off is left out.
        pool: other datasets whose inputs it reads too, where they are there yet.
        beyond: what its result depends on besides inputs and config, by name.
        caches: the files and folders of `Workspace.cache` that it would read in a snapshot.
        earlier: artifacts of earlier snapshots that it reads, such as ("als", 1) for the
            factors as they were one test window before.
        look_back: how many windows back it reads of what `earlier` names; None is all of them.
        retrain_days: age at which what `START` and `FITTED` name is trained from nothing again.
        behind: whether it is run only at the snapshots that other stages look back to.
        timed: whether it makes sense only where events have times.
    """

    name: str
    summary: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sections: tuple[str, ...]
    run: Callable[[Context], Facts]
    version: int = 1
    reads_raw: bool = False
    per_snapshot: bool = True
    whole: bool = False
    switch: Switch | None = None
    pool: Callable[[Config, str], Sequence[str]] | None = None
    beyond: Callable[[Surroundings], Mapping[str, str]] | None = None
    earlier: tuple[Past, ...] = ()
    look_back: Callable[[Config, str], int] | None = None
    retrain_days: Callable[[Config, str], int] | None = None
    behind: bool = False
    timed: bool = False
    caches: Callable[[Surroundings, Snapshot], Iterable[Path]] | None = None

    def enabled(self, config: Config, dataset: str) -> bool:
        """Whether it has anything to do for a dataset."""
        switch = self.switch
        return switch is None or (switch.on(config, dataset) and switch.able(config, dataset))

    def pooled(self, config: Config, dataset: str) -> Sequence[str]:
        """The other datasets that it reads."""
        return self.pool(config, dataset) if self.pool else ()
