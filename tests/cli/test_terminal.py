"""What a terminal of 80 columns shows: whole words, colours, and what completion offers."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_cli.cli.app import app
from recsys_cli.cli.commands import COMMANDS, in_sections

COLUMNS = 80
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def terminal(*arguments: object, messages: bool = False, **environment: str) -> str:
    """What a command writes to stdout, and with `messages` to stderr, which are a terminal."""
    shown, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    words = [sys.executable, "-m", "recsys_cli", *map(str, arguments)]
    errors = theirs if messages else subprocess.DEVNULL
    with subprocess.Popen(words, stdout=theirs, stderr=errors, env={**known, **environment}):
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(shown, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(shown)
    return b"".join(parts).decode().replace("\r\n", "\n")


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def flawed(raw: Path, tmp_path: Path) -> Path:
    """A workspace whose events have one row that is blank and one with a bad price."""
    root = tmp_path / "flawed"
    shutil.copytree(raw, root)
    file = root / "data/hm_raw/transactions_train.csv"
    lines = file.read_text().splitlines()
    lines[5] = ",".join([*lines[5].split(",")[:3], "abc", "1"])
    file.write_text("\n".join([*lines[:9], "", *lines[9:]]) + "\n")
    return root


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["status", "--set", "als.factors=9"],
        ["build", "--dry-run", "--explain", "--set", "als.factors=9"],
        ["recommend", "123", "--explain", "--dataset", "rr"],
        ["validate", "--verbose"],
        ["doctor", "--quick"],
    ],
    ids=" ".join,
)
def test_no_word_is_broken_at_80_columns(built, command):
    shown = ANSI.sub("", terminal(*command, "-w", built))
    piped = run(*command, "-w", built).stdout
    lines = shown.splitlines()
    assert lines
    assert max(map(len, lines)) <= COLUMNS
    ages = re.compile(r"^\d+$")  # they go on while the test runs
    words = {word for word in piped.replace("─", " ").split() if not ages.match(word)}
    assert {word for word in shown.replace("─", " ").split() if not ages.match(word)} <= words


@pytest.mark.slow
def test_an_evaluation_breaks_no_word_either(workspace):
    asked = ("eval", "-d", "rr", "-s", "popular,itemknn,content", "-w", workspace)
    run(*asked)
    shown, piped = ANSI.sub("", terminal(*asked)), run(*asked)
    assert "answered" in shown
    assert max(map(len, shown.splitlines())) <= COLUMNS
    words = {*piped.stdout.replace("─", " ").split(), *piped.stderr.split()}
    assert set(shown.replace("─", " ").split()) <= words


def test_one_dataset_that_is_not_clear_hides_nothing_of_the_others(flawed):
    folder = flawed / "data/odd"
    folder.mkdir()
    (folder / "x.csv").write_text("foo,bar\n1,2\n")
    said = run("init", "--force", "-w", flawed).stdout
    assert "no file looks like events" in " ".join(said.split())
    said = run("validate", "-w", flawed, code=1).stdout
    names = [line for line in said.splitlines() if not line.startswith(" ")]
    assert names == ["hm", "odd", "rr"]
    assert re.search(r"FAIL  no file looks like events", said)
    assert run("validate", "-d", "odd", "-w", flawed, code=2).stdout == ""


def test_outcomes_and_states_have_colours_on_a_terminal_alone(workspace, flawed):
    shown = terminal("validate", "-w", flawed)
    assert "\x1b[33mWARN\x1b[0m" in shown
    assert "\x1b[32mPASS\x1b[0m" in shown
    assert "\x1b" not in terminal("validate", "-w", flawed, NO_COLOR="1").replace("\x1b[?25", "")
    assert "\x1b" not in run("validate", "-w", flawed).stdout
    shown = terminal("status", "-w", workspace, "--set", "als.factors=9")
    assert "\x1b[33mstale\x1b[0m" in shown
    assert "\x1b[32mfresh\x1b[0m" in shown


def test_validate_shows_what_is_to_be_looked_at_and_sums_up(flawed):
    said = run("validate", "-d", "hm", "-w", flawed).stdout
    assert "no blank lines" not in said
    assert "1 blank line" in said
    assert said.splitlines()[0] == "hm"
    assert re.search(
        r"^  WARN  [\d,]+ events, 300 users, 250 items, from 2018-09-\d\d to 2020-09-22"
        r" \(\d+ PASS, 2 WARN, 0 FAIL\)$",
        said.splitlines()[-1],
    )
    verbose = run("validate", "-d", "hm", "--verbose", "-w", flawed).stdout
    assert verbose.count("  PASS  ") > 20
    (flawed / "data/hm_raw/articles.csv").write_text("")
    said = run("validate", "-d", "hm", "-w", flawed, code=1).stdout
    assert re.search(r"^  FAIL  the files cannot be used \(.*, 1 FAIL\)$", said.splitlines()[-1])


def test_the_help_is_in_sections_that_hold_every_command():
    said = run("--help").stdout
    titles = re.findall(r"^(\w+):$", said, re.MULTILINE)
    assert titles == ["Options", "Start", "Use", "Measure", "Stages", "More"]
    names = [name for section in in_sections().values() for name in section]
    assert sorted(names) == sorted({name.split()[0] for name in COMMANDS})
    for name in names:
        assert re.search(rf"^  {name} ", said, re.MULTILINE)


def test_help_has_more_room_for_words_than_for_types(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for line in run("recommend", "--help").stdout.splitlines():
        assert len(line) <= COLUMNS
        if "Items per user." in line:
            assert line.index("Items") < COLUMNS / 2


def completed(*words: str) -> list[str]:
    """What bash is offered after these words."""
    environment = {
        "_RECSYS_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["recsys", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "from recsys_cli.cli.app import app; app(prog_name='recsys')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.split()


def test_names_are_completed(raw):
    assert completed("recommend", "-w", str(raw), "--dataset", "h") == ["hm"]
    assert completed("recommend", "-w", "/nowhere", "--dataset", "h") == []
    assert completed("build", "als") == ["als.export", "als.train"]
    assert completed("recommend", "-s", "hyb") == ["hybrid"]
    assert completed("eval", "-s", "hybrid,po") == ["hybrid,popular"]


BUILD = ("build", "als.train", "-d", "hm", "--set", "als.factors=9", "-w")


def test_a_build_says_what_is_left_before_each_stage(workspace):
    # The factors that it starts from are trained anew too.
    left = r"(\d+) of (\d+) stages? done(?:, (?:about|at least) \d+ s left)?"
    before = re.compile(rf"{left}: hm als\.train(?: \[asof=\S+\])?")
    shown = terminal(*BUILD, workspace, "--force", messages=True)
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", ANSI.sub("", shown))]
    assert any(map(before.fullmatch, lines))
    assert max(map(len, lines)) <= COLUMNS
    messages = run(*BUILD, workspace, "--force").stderr
    assert before.findall(messages) == [("0", "1")]
    assert re.search(r"about \d+ s left", messages)
    assert "\x1b" not in messages
    assert "━" not in messages


def test_a_dry_run_and_the_status_say_what_a_build_would_take(workspace, raw):
    said = run(*BUILD, workspace, "--dry-run")
    assert said.stderr == ""
    assert re.search(
        r"^hm +als\.train +would run about \d+ s +\[asof=\S+\] +\(config", said.stdout, re.M
    )
    assert re.search(r"^hm +als\.train +would run about \d+ s +\(after als", said.stdout, re.M)
    assert re.search(r"^Would run 2 stages, about \d+ s\.$", said.stdout, re.M)
    said = run("status", "--set", "als.factors=9", "-w", workspace).stdout
    command = r"`recsys build --set als\.factors=9 -w .*`"
    assert re.search(rf"^{command} would run \d+ stages, about \d+ s\.$", said, re.M)
    assert "would run" not in run("status", "-w", workspace).stdout
    said = run("build", "-d", "hm", "--dry-run", "-w", raw).stdout
    assert re.search(r"^hm +ingest +would run no estimate +\(never built\)$", said, re.M)
    assert re.search(r"^Would run \d+ stages, no estimate\.$", said, re.M)
