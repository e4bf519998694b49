"""The report's page and pictures of curves: what to show comes in, HTML or SVG goes out.

Everything that stands in data is escaped by the template engine; a content security policy
within the page forbids scripts and the network besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys_cli import __version__
from recsys_cli.counted import counted
from recsys_cli.evaluation.report.thumbnails import Thumbnails
from recsys_cli.evaluation.report.training import Line
from recsys_cli.evaluation.report.view import DatasetReport
from recsys_cli.moments import said, spoken

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(sections: Sequence[DatasetReport], *, root: Path) -> str:
    """The whole page.

    Args:
        sections: one per dataset.
        root: folder that the pictures' paths are relative to: the workspace.
    """
    pictures = Thumbnails(root)
    for section in sections:
        for example in section.examples:
            for tile in example.tiles:
                pictures.add(tile.picture)
    page = _templates().get_template("page.html.j2")
    return page.render(sections=sections, pictures=pictures, version=__version__)


def render_curves(lines: Sequence[Line]) -> str:
    """A picture of curves, one above the other, as SVG."""
    return _templates().get_template("curves.svg.j2").render(lines=lines)


def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("recsys_cli.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "said": said, "spoken": spoken}
    return environment
