"""Which dataset a user or item is of, where nobody said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recsys_cli.build.artifacts import Artifacts
from recsys_cli.columns import ITEM, USER
from recsys_cli.errors import ArtifactError, Command, UnknownIdError, UsageError
from recsys_cli.store.idtable import IdTable
from recsys_cli.store.workspace import Workspace


def dataset_of_user(workspace: Workspace, datasets: Sequence[str], user: str) -> str:
    """The one dataset that has this user; with a single dataset, that one in any case.

    Raises:
        UsageError: several have the user, or none of several.
    """
    if len(datasets) == 1:
        return datasets[0]
    return holder({name: Artifacts(workspace, name) for name in datasets}, USER, user)


def dataset_of_item(workspace: Workspace, datasets: Sequence[str], item: str) -> str:
    """The one dataset that has this item; with a single dataset, that one in any case.

    Raises:
        UsageError: several have the item, or none of several.
    """
    if len(datasets) == 1:
        return datasets[0]
    return holder({name: Artifacts(workspace, name) for name in datasets}, ITEM, item)


def holder(opened: Mapping[str, Artifacts], what: str, external: str) -> str:
    """The one dataset that has a user or item.

    Args:
        opened: the datasets' artifacts.
        what: `columns.USER` or `columns.ITEM`.
        external: the id.

    Raises:
        UsageError: several have it, or none has.
        ArtifactError: none has, but not all are ingested yet.
    """
    ready = [name for name, artifacts in opened.items() if artifacts.has("ids")]
    ids = {name: opened[name].users if what == USER else opened[name].items for name in ready}
    holders = [name for name in ready if ids[name].find(external) >= 0]
    if len(holders) == 1:
        return holders[0]
    if holders:
        raise UsageError(
            f"{what} {external!r} is in {' and '.join(holders)}", hint=f"add --dataset {holders[0]}"
        )
    waiting = [name for name in opened if name not in ready]
    if waiting:
        raise ArtifactError(
            f"no dataset that is ingested has {_a(what)} {external!r}, and {', '.join(waiting)} "
            "is not yet",
            hint=Command("build", "all"),
        )
    way_out = "ids are as in the raw files"
    if what == USER:
        way_out = f"--dataset {next(iter(opened))} recommends as for a user nobody knows"
    way_out = alike(external, *ids.values()) or way_out
    raise UnknownIdError(f"no dataset has {_a(what)} {external!r}", hint=way_out)


def alike(external: str, *tables: IdTable) -> str | None:
    """A hint at the id that an unknown one may stand for; None where there is none."""
    found = next((near for table in tables if (near := table.alike(external))), None)
    return found and f"did you mean {found}? Ids are text, exactly as in the raw files"


def _a(what: str) -> str:
    return f"an {what}" if what == ITEM else f"a {what}"
