"""Every command by its words: where its function is, and its line in `--help`.

A command's module is imported when the command is asked for, and only its own parameters are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A command.

    Attributes:
        help: what it does, in a line.
        where: the module of `cli` and the function in it; None for a command that only builds
            stages, which `stages` makes from its own table.
    """

    help: str
    where: str | None = None

    def function(self, name: str) -> Callable[..., Any]:
        """What the command named `name` calls."""
        if self.where is None:
            from recsys_cli.cli.stages import STAGES, builds

            return builds(STAGES[name])
        module, _, function = self.where.partition(":")
        made: Callable[..., Any] = getattr(import_module(f"recsys_cli.cli.{module}"), function)
        return made


GROUPS = {
    "embed": "Vectors of items' texts and pictures.",
    "als": "Interactions and ALS factors.",
    "twotower": "Two towers fine-tuned from ALS factors.",
    "hybrid": "The learned ranker over candidates of all sources.",
    "events": "Events that arrive while serving.",
    "export": "Write artifacts in other programs' formats.",
    "spark": "Spark jobs for a cluster.",
}

COMMANDS: Mapping[str, Entry] = {
    # In the order of use, which is that of the help.
    "init": Entry(
        "Write a recsys.toml for the datasets found in data/, and say what was understood.",
        "data:init",
    ),
    "demo": Entry(
        "Make sample data: data/hm_raw (with images/) and data/rr_raw in the raw schemas.",
        "data:demo",
    ),
    "validate": Entry(
        "Check raw files: what is to be looked at, with counts and examples, and what is in them.",
        "data:validate",
    ),
    "ingest": Entry("Turn raw files into events, items and users with integer ids."),
    "embed text": Entry("Encode items' texts; what was encoded before is not encoded again."),
    "embed image": Entry("Encode items' pictures; what was encoded before is not encoded again."),
    "index": Entry(
        "Join text and picture vectors and index them, per dataset and over all datasets."
    ),
    "usermodel": Entry("Make users' vectors from the items they had."),
    "als export": Entry("Sum events into one weighted row per user and item."),
    "als train": Entry("Train user and item factors on the interactions."),
    "als import": Entry("Import factors trained elsewhere, such as Spark's.", "exchange:import_"),
    "twotower pairs": Entry(
        "Write training pairs by user and time, the last window for validation."
    ),
    "twotower train": Entry("Fine-tune both towers and export the vectors of all users and items."),
    "hybrid train": Entry("Train the ranker on what users went on to have in past test windows."),
    "build": Entry("Run the stages that are missing or stale, in order.", "pipeline:build"),
    "recommend": Entry("Recommend items for one user or for all.", "recommend:recommend"),
    "similar": Entry(
        "List the items whose text and picture are most like an item's.", "recommend:similar"
    ),
    "search": Entry(
        "Search items of one or all datasets by words or by a picture.", "recommend:search"
    ),
    "serve": Entry(
        "Serve recommendations over HTTP; newer builds are picked up while it runs.", "serve:serve"
    ),
    "events add": Entry("Add events to the log of live events.", "live:add"),
    "events export": Entry("Write live events as JSON lines, which `add` reads.", "live:export"),
    "events status": Entry("Show what there is of live events, and what is new.", "live:status"),
    "events report": Entry(
        "Show who clicked on lists that were shown, by strategy and position, with 95% intervals.",
        "live:report",
    ),
    "events drop": Entry("Drop live events, and lists that were shown, before a day.", "live:drop"),
    "eval": Entry(
        "Measure strategies on held-out events: leak-proof, full catalogue, with 95% intervals.",
        "evaluate:evaluate",
    ),
    "status": Entry(
        "Show what exists, how old and large it is, and what is stale.", "pipeline:status"
    ),
    "doctor": Entry(
        "Check libraries, threads, GPU, OpenMP, disk and memory, and run a tiny pipeline.",
        "pipeline:doctor",
    ),
    "export legacy": Entry(
        "Write the file names and schemas of the scripts that recsys replaces.", "exchange:legacy"
    ),
    "spark submit-command": Entry(
        "Print the spark-submit line of a job, with its file and arguments.", "spark:submit_command"
    ),
    "recover": Entry(
        "Finish what a killed command left, or put aside a journal that is not to be trusted.",
        "pipeline:recover",
    ),
    "clean": Entry(
        "Remove past snapshots, datasets' artifacts and caches that nothing reads any more.",
        "pipeline:clean",
    ),
    "tune": Entry(
        "Search settings before the test window. A search that was stopped goes on.",
        "tune:tune",
    ),
}


SECTIONS = {
    "Start": ("init", "demo", "validate", "build", "status", "doctor"),
    "Use": ("recommend", "similar", "search", "serve", "events"),
    "Measure": ("eval", "tune"),
    "Stages": ("ingest", "embed", "index", "usermodel", "als", "twotower", "hybrid"),
}
"""The commands by what they are for; the others come after them."""


def in_sections() -> dict[str, list[str]]:
    """The first words of all commands, by the section of the help that they are in."""
    listed = [name for names in SECTIONS.values() for name in names]
    more = [name for name in names_in(None) if name not in listed]
    return {**{title: list(names) for title, names in SECTIONS.items()}, "More": more}


def names_in(group: str | None) -> dict[str, str]:
    """The words that may follow those of a group (None: `recsys` itself), each with its help."""
    found = {}
    for name, entry in COMMANDS.items():
        first, _, second = name.partition(" ")
        if group is None:
            found[first] = GROUPS[first] if second else entry.help
        elif first == group:
            found[second] = entry.help
    return found
