"""What the checks of raw files found, and when a finding is fatal.

The policy, the same for every source:

* A file or column that is needed and absent, an empty file, text that is not UTF-8 throughout,
  two columns of one name, a Parquet file with ids read as floats: **fail**, nothing is written.
* Rows that cannot be understood (too many or too few fields, bytes that are not UTF-8, an empty
  id, a time that does not parse or is impossible, an unknown kind of event): left out with a
  **warn** while each kind is at most `MAX_SKIPPED` of the rows, else **fail**.
* Cells that cannot be understood where the row still makes sense (a price of "abc" or NaN): the
  cell becomes null with a **warn**; when no cell of the column is a number, **fail**.
* Ids are kept exactly. Spaces around an id, ids that only the events have and repeated ids in a
  catalogue (the first row is kept) are a **warn**; events of which none is in the catalogue
  **fail**.
* What needs no action (a byte-order mark, Windows line ends, items without events, H&M rows that
  repeat because one row is one piece) is told in the message of a **pass**.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, NoReturn

from recsys_cli.counted import counted
from recsys_cli.errors import Command, DataError, Hint

Status = Literal["pass", "warn", "fail"]

MAX_SKIPPED = 0.01
"""Share of rows that may be left out because they cannot be understood."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check on one file.

    Attributes:
        check: what was checked, `<table>.<check>`, such as `events.time`.
        status: pass, warn or fail.
        file: the raw file's name; None where the check spans files.
        line: line in the text file (the header is line 1) of the first example.
        row: row in a Parquet file (from 0) of the first example.
        column: raw column name.
        count: rows, ids or cells concerned; 0 for a clean pass.
        example: the offending value, or a few ids.
        message: one sentence saying what was found.
        hint: what to do about it.
    """

    check: str
    status: Status
    message: str
    file: str | None = None
    line: int | None = None
    row: int | None = None
    column: str | None = None
    count: int = 0
    example: str | None = None
    hint: str | None = None

    def where(self) -> str:
        """`file, line 5, column t_dat`, as far as known."""
        parts = [self.file] if self.file else []
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column is not None:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def __str__(self) -> str:
        text = f"{self.where()}: {self.message}" if self.where() else self.message
        return f"{text} (for example {self.example!r})" if self.example is not None else text


@dataclass(slots=True)
class Findings:
    """Collects findings about a dataset's raw files, one per check and file."""

    dataset: str
    found: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Keep one finding."""
        self.found.append(finding)

    def ok(self, check: str, message: str, **details: Any) -> None:
        """Record that a check passed; `details` are further fields of `Finding`."""
        self.add(Finding(check, "pass", message, **details))

    def warn(self, check: str, message: str, *, count: int = 1, **details: Any) -> None:
        """Add a warning; `details` are further fields of `Finding`."""
        self.add(Finding(check, "warn", message, count=count, **details))

    def fail(self, check: str, message: str, *, count: int = 1, **details: Any) -> None:
        """Add a fatal finding; `details` are further fields of `Finding`."""
        self.add(Finding(check, "fail", message, count=count, **details))

    def fatal(self, check: str, message: str, **details: Any) -> NoReturn:
        """Add a fatal finding after which nothing can go on.

        Raises:
            DataError: always.
        """
        self.fail(check, message, **details)
        raise self._error()

    def problem(self, finding: Finding, *, rows: int) -> None:
        """Add a finding about rows to leave out: warn, or fail above `MAX_SKIPPED` of `rows`.

        What becomes of the rows is added to its message.
        """
        if finding.count > MAX_SKIPPED * rows:
            hint = finding.hint or "correct the file"
            message = f"{finding.message}: more than {MAX_SKIPPED:.0%} of {counted(rows, 'rows')}"
            finding = replace(finding, status="fail", message=message, hint=hint)
        else:
            finding = replace(finding, message=f"{finding.message}, left out")
        self.add(finding)

    @property
    def failed(self) -> list[Finding]:
        """The fatal findings."""
        return [f for f in self.found if f.status == "fail"]

    def raise_if_failed(self) -> None:
        """Raise the fatal findings as one error.

        Raises:
            DataError: a finding is fatal.
        """
        if self.failed:
            raise self._error()

    def _error(self) -> DataError:
        lines = [f"the raw files of {self.dataset!r} cannot be used:"]
        lines += [f"  {finding}" for finding in self.failed]
        hints = (finding.hint for finding in self.failed if finding.hint)
        hint: Hint = next(hints, None) or Command("validate", "--dataset", self.dataset)
        return DataError("\n".join(lines), hint=hint)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All findings about one dataset's raw files, in the order of the checks."""

    dataset: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether `recsys ingest` would succeed."""
        return not any(f.status == "fail" for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `recsys validate --json`."""
        return {
            "dataset": self.dataset,
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest wrote.

    Attributes:
        dataset: name of the dataset.
        events: rows of the events table.
        users: rows of the users table.
        items: rows of the items table.
        pairs: distinct pairs of user and item.
        skipped: raw rows left out.
        first: time of the first event, ISO 8601 UTC; None without times.
        last: time of the last event.
        findings: every check's finding.
    """

    dataset: str
    events: int
    users: int
    items: int
    pairs: int
    skipped: int
    first: str | None
    last: str | None
    findings: tuple[Finding, ...]
