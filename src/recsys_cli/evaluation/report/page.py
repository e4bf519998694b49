"""The report's page: sections come in, one HTML text goes out.

Everything that stands in data is escaped by the template engine; a content security policy
within the page forbids scripts and the network besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsys_cli import __version__
from recsys_cli.evaluation.report.thumbnails import Thumbnails
from recsys_cli.evaluation.report.view import Section


def render_page(sections: Sequence[Section], *, root: Path) -> str:
    """The whole page.

    Args:
        sections: one per dataset.
        root: folder that the pictures' paths are relative to: the workspace.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("recsys_cli.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = Thumbnails(root)
    for section in sections:
        for example in section.examples:
            for tile in example.tiles:
                pictures.add(tile.picture)
    return environment.get_template("page.html.j2").render(
        sections=sections, pictures=pictures, version=__version__
    )
