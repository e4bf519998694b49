"""The errors a user can meet, each a sentence, a hint (the way out) and an exit code.

Library code raises these and never prints or exits; `cli/` alone turns them into output.
Exit codes: 1 failure at run time, 2 wrong usage or config, 3 missing or stale artifact.
"""

import errno
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

OWN_PROGRAM = "recsys"


@dataclass(frozen=True, slots=True, init=False)
class Command:
    """A command that a hint tells to run; who shows it adds the workspace to those of `recsys`."""

    words: tuple[str, ...]
    program: str

    def __init__(self, *words: str, program: str = OWN_PROGRAM) -> None:
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "program", program)

    def __str__(self) -> str:
        return shlex.join([self.program, *self.words])


Hint = str | Command | tuple[str | Command, ...]
"""What to do, in words, commands, or words with commands among them."""


def in_words(hint: Hint, *, show: Callable[[Command], str] = str) -> str:
    """A hint as one text."""
    return "".join(part if isinstance(part, str) else show(part) for part in parts_of(hint))


def parts_of(*hints: Hint | None) -> tuple[str | Command, ...]:
    """The words and commands of hints, one after the other."""
    parts: list[str | Command] = []
    for hint in hints:
        if hint is not None:
            parts += hint if isinstance(hint, tuple) else (hint,)
    return tuple(parts)


def meant(word: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown `word`: the known one that it is close to."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


class RecsysError(Exception):
    """A known failure: `message` says what is wrong, `hint` what to do about it.

    `advice` is the hint with its commands as such, for whoever shows it or passes it on.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: Hint | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = hint

    @property
    def hint(self) -> str | None:
        """The hint in words."""
        return None if self.advice is None else in_words(self.advice)


_WITH_TORCH = ("content", "twotower")
_TORCH = (
    " (on Linux that brings torch with gigabytes of CUDA, unless torch for the CPU is there: "
    "https://pytorch.org/get-started/locally/)"
)


class RecsysWarning(UserWarning):
    """Something to act on, such as artifacts that are out of date; answers come all the same."""


class UsageError(RecsysError):
    """The command line or an argument asks for something that cannot be."""

    exit_code = 2


def pip_install(*packages: str) -> Command:
    """The command that installs packages beside this one."""
    return Command("-m", "pip", "install", *packages, program=sys.executable)


def install_extra(extra: str) -> tuple[str | Command, ...]:
    """How to get the libraries of an extra."""
    command = pip_install(f"recsys-cli[{extra}]")
    return (command, _TORCH) if extra in _WITH_TORCH else (command,)


def missing_library(
    what: str, library: str, *, extra: str, otherwise: Hint | None = None
) -> UsageError:
    """That `what` needs a library of an extra, which is not installed; how to get or avoid it."""
    between = "; " if otherwise else None
    hint = parts_of(install_extra(extra), between, otherwise)
    return UsageError(f"{what} needs {library}, which is not installed", hint=hint)


class FieldsError(UsageError):
    """Something that was given has fields that are wrong: `fields` are their names, and why."""

    def __init__(self, fields: Sequence[tuple[str, str]], *, hint: Hint | None = None) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields), hint=hint)
        self.fields = fields


def no_column(dataset: str, name: str, columns: Sequence[str]) -> UsageError:
    """That items of a dataset have no column of that name."""
    return UsageError(
        f"items of {dataset} have no column {name!r}{meant(name, columns)}",
        hint=f"columns: {', '.join(columns)}",
    )


class UnknownIdError(UsageError):
    """There is no such user or item."""


class UnknownWordsError(UsageError):
    """Nothing has any of the words that are searched for."""


class ConfigError(UsageError):
    """recsys.toml, `--set` or a default does not hold together."""


class DataError(RecsysError):
    """Raw input that cannot be used as it is."""


class ArtifactError(RecsysError):
    """An artifact is missing, stale or not what it claims; the hint is the command to run."""

    exit_code = 3


class UnsafePackError(RecsysError):
    """A pack holds something other than arrays and plain values, so it was not loaded."""


class UnsafeWorkspaceError(RecsysError):
    """Something in a workspace would have this process touch what it must not."""


class LockedError(RecsysError):
    """Another process is writing to this workspace."""


class BusyError(RecsysError):
    """There is more to do than can be done now; trying again later helps."""


class LogError(RecsysError):
    """The log of live events cannot be read or written as things are."""


class TrainingError(RecsysError):
    """A model came out unusable (NaN factors, no data left after filtering)."""


def is_panic(error: BaseException) -> bool:
    """Whether an error is that of a library written in Rust that did not foresee something."""
    return type(error).__name__ == "PanicException"


def way_out(error: BaseException) -> str:
    """What to do about an error that nobody foresaw."""
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
        return "free some disk space and run the same command again"
    if getattr(error, "errno", None) in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "this command writes; check who owns the folder and whether it is read-only"
    return "set RECSYS_TRACEBACK=1 to see where it happened"


def sentence(error: BaseException) -> str:
    """What to tell a user of an error that nobody foresaw."""
    if isinstance(error, RecsysError):
        return error.message
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"unexpected {type(error).__name__}: {error}"
