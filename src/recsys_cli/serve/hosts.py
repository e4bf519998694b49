"""By which names callers may address the server.

A page from elsewhere can have its own name resolve to this machine (DNS rebinding), and would
then read answers as if they were its own. What it cannot change is the name that its browser
sends as Host.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

from recsys_cli.errors import ConfigError

ANY = "*"
HINT = "serve.allowed_hosts in recsys.toml names further hosts, and * allows any"
_HOST = re.compile(
    r"(\[[0-9a-f.]*:[0-9a-f:.]*\]|[a-z0-9_.~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?", re.IGNORECASE
)
_OLD = "1.0"


class Hosts:
    """Which names are allowed."""

    def __init__(self, allowed: Sequence[str], *, listens_on: str, keyed: bool) -> None:
        """Find out.

        Args:
            allowed: names from the settings.
            listens_on: address or name.
            keyed: whether callers need a key, which no page from elsewhere has.

        Raises:
            ConfigError: something that is allowed is no name.
        """
        self._own = not keyed and _is_loopback(listens_on)
        self._names = {_of_settings(name) for name in allowed if name != ANY}
        self._any = ANY in allowed or not (self._own or self._names)
        if self._own:
            self._names |= {"localhost", _of_settings(listens_on)}

    def problem(self, given: Sequence[str], version: str) -> tuple[str, str | None] | None:
        """What is wrong with a request's Host headers, and the way out; None if nothing is."""
        if not given and version == _OLD and self._any:
            return None
        if len(given) != 1:
            return f"a request names its host once, and this one {len(given)} times", None
        name = _name(given[0])
        if name is None:
            return "Host is not the name of a host", None
        if self._any or name in self._names or (self._own and _is_address(name)):
            return None
        return f"this server does not answer as {name!r}", HINT


def _name(host: str) -> str | None:
    """A host without its port, as it is compared; None where it is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower().removesuffix(".") or None if found else None


def _of_settings(name: str) -> str:
    with suppress(ValueError):
        address = ip_address(name)
        return f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    plain = _name(name)
    if plain is None:
        raise ConfigError(f"serve.allowed_hosts: {name!r} is not the name of a host")
    return plain


def _is_address(name: str) -> bool:
    """Whether it is a loopback address."""
    with suppress(ValueError):
        return ip_address(name.strip("[]")).is_loopback
    return False


def _is_loopback(host: str) -> bool:
    """Whether listening there means to be reached from this machine alone."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    with suppress(OSError, UnicodeError):
        return ip_address(socket.gethostbyname(host)).is_loopback
    return False
