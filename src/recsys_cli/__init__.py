"""From a shop's raw files to measured, served recommendations, behind one command.

From Python, `open` a workspace:

    >>> import recsys_cli
    >>> shop = recsys_cli.open("shop")
    >>> answer = shop.recommend("123", k=3)

`open`, `Shop`, `RecsysError`, `RecsysWarning` and `__version__` are what is promised to stay, with
what they hold; the modules below may move from one version to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recsys_cli.errors import RecsysError, RecsysWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from recsys_cli.progress import Progress
    from recsys_cli.shop import Shop

__version__ = "0.2.0"
__all__ = ["RecsysError", "RecsysWarning", "Shop", "__version__", "open"]


def open(
    folder: str | PathLike[str] = ".",
    *,
    overrides: str | Sequence[str] = (),
    progress: Progress | None = None,
) -> Shop:
    """Open a workspace.

    Args:
        folder: with recsys.toml (optional), data/ and artifacts/.
        overrides: settings in place of those of recsys.toml, such as `als.factors=128`; what
            `--set` takes.
        progress: told how far long tasks are, see `recsys_cli.progress`; None means that only
            warnings are given.

    Raises:
        RecsysError: there is no such folder, or recsys.toml does not hold together.

    Example:
        >>> shop = recsys_cli.open("shop", overrides="recommend.k=20")
        >>> shop.datasets
        ['hm', 'rr']
    """
    from recsys_cli.shop import Shop

    return Shop(folder, overrides=overrides, progress=progress)


def __getattr__(name: str) -> Any:
    """`Shop`, loaded when first asked for."""
    if name == "Shop":
        from recsys_cli.shop import Shop

        return Shop
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
