"""Runs the benchmarks and writes their tables into docs/benchmarks.md.

    python benchmarks/run.py                       # small, minutes
    python benchmarks/run.py --full DIR            # adds full-size tables; DIR is a workspace
    python benchmarks/run.py --data DIR            # adds those on real data; DIR holds hm_raw, …
    python benchmarks/run.py startup topk          # only these sections
    python benchmarks/run.py peers                 # beside other libraries, which it installs

Each section of the report shows the command that made its table. Sections that were not run
keep the table they have, so full-size results survive a small run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Written by `make bench` (and `make bench-full FULL=workspace` for full size); each table names the
command that makes it. Machines are noisy: compare within a table, and trust ratios more than
seconds. Full size means H&M's: 31,788,324 purchases, 1,371,980 customers, 105,542 articles, made
by `recsys demo --customers 1371980 --transactions 31788324 --articles 105542`.
"""
SMALL = {
    "startup": ("Start-up", ["startup.py", "--workspace", "demo"]),
    "stages": ("Stages, demo size", ["stages.py", "--workspace", "demo"]),
    "topk": ("Top 12 for all users", ["topk.py"]),
    "hybrid": ("Hybrid: candidates, features, ranking", ["hybrid.py"]),
    "serve": ("Serving, demo size", ["serve.py", "--workspace", "demo"]),
    "live": ("Events and answers at the same time, demo size", ["live.py", "--workspace", "demo"]),
    "live-worth": (
        "What live events are worth, demo's rr",
        ["defaults.py", "--workspace", "demo", "--dataset", "rr", "--live", "0", "-k", "20"],
    ),
    "rules": ("What rules cost, the demo's hm", ["rules.py", "--workspace", "demo"]),
    "conditions": ("Conditions on a million items", ["conditions.py"]),
    "als": ("ALS stage against the bare library", ["als.py"]),
    "twotower": ("Two-tower, one epoch over a million pairs", ["twotower.py"]),
    "growth": ("Growth of the stages", ["growth.py"]),
    "graph": ("Graph filter", ["graph.py"]),
    "bootstrap": ("Intervals of an evaluation", ["bootstrap.py"]),
}
_ARTICLES = "{data}/hm_raw/articles.csv"
_ALL_ARTICLES = "{data}/hm_articles_full/articles.parquet"
_PICTURES = "{data}/hm_raw/images"
DATA = {
    "embed": (
        "Texts of 17,033 articles",
        ["embed.py", "--texts", _ARTICLES, "--text-encoder", "minilm", "--text-encoder", "lsa"],
    ),
    "embed-full": (
        "Texts of 105,542 articles (reach: 200 s)",
        ["embed.py", "--texts", _ALL_ARTICLES, "--text-encoder", "minilm"],
    ),
    "search": (
        "Searches of 17,033 articles: share of the first six that have what was named",
        ["search.py", "--data", "{data}/hm_raw", "--text-encoder", "minilm"],
    ),
    "search-lsa": (
        "The same by LSA of the texts",
        ["search.py", "--data", "{data}/hm_raw", "--text-encoder", "lsa"],
    ),
    "embed-precision": (
        "bf16 against fp32, by turns on the same texts",
        ["embed.py", "--texts", _ALL_ARTICLES, "--text-encoder", "minilm", "--compare", "2048"],
    ),
    "embed-pictures": (
        "2,500 pictures",
        ["embed.py", "--pictures", _PICTURES, "--image-encoder", "histogram"],
    ),
    "embed-clip": (
        "300 pictures through ViT-B-32 with random weights, which are as fast as trained ones",
        ["embed.py", "--pictures", _PICTURES, "--image-encoder", "random-vit", "--limit", "300"],
    ),
}
FULL = {
    "serve-full": ("Serving, full size", ["serve.py", "--workspace", "{full}"]),
    "batch-full": ("Lists for all users, full size", ["batch.py", "--workspace", "{full}"]),
    "retrieval-full": (
        "User vectors, similar items and unit-norm lists, full size",
        ["retrieval.py", "--workspace", "{full}"],
    ),
    "stages-full": ("Stages, full size", ["stages.py", "--workspace", "{full}"]),
    "growth-full": ("Growth of the stages to full size", ["growth.py", "--full", "{full}"]),
}


def _defaults(folder: str, *options: str) -> list[str]:
    data = f"{{data}}/{folder}"
    return ["defaults.py", "--data", data, *options, "--set", "text.encoder=lsa"]


# These run only when they are named: Spark needs its extra and Java, and the peers install
# libraries of gigabytes into environments of their own.
NAMED = {
    "spark": (
        "Spark jobs on one machine",
        ["spark.py", "--times", "1", "10", "100", "--memory", "4g"],
    ),
    "peers": ("Beside other libraries, 0.01 × H&M's size", ["peers.py", "--scale", "0.01"]),
    "peers-tenth": ("Beside other libraries, 0.1 × H&M's size", ["peers.py", "--scale", "0.1"]),
    "peers-ml": (
        "Beside other libraries, ML-100K",
        ["peers.py", "--data", "{data}/ml-100k", "--days", "30"],
    ),
    "peers-full": (
        "Beside other libraries, full size",
        ["peers.py", "--data", "{full}/data/hm_raw", "--timeout", "480"],
    ),
    "nextday": ("The next day, 0.01 × H&M's size", ["nextday.py", "--scale", "0.01"]),
    "nextday-tenth": ("The next day, 0.1 × H&M's size", ["nextday.py", "--scale", "0.1"]),
    "nextday-full": (
        "The next day, full size",
        ["nextday.py", "--scale", "1", "--folder", "{full}"],
    ),
    "factors": ("ALS with 64 to 512 factors", ["factors.py", "--workspace", "demo"]),
    "defaults-toys": (
        "Defaults, toys: each user's last event",
        _defaults("toys", "--protocol", "leave-last-out", "-k", "10"),
    ),
    "defaults-yoochoose": (
        "Defaults, YOOCHOOSE: each user's last event",
        _defaults("yoochoose", "--protocol", "leave-last-out", "-k", "10"),
    ),
    "defaults-yoochoose-next": (
        "Defaults, YOOCHOOSE: next in session",
        _defaults("yoochoose", "--protocol", "next-in-session", "-k", "20"),
    ),
    "defaults-yoochoose-live": (
        "What live events are worth, YOOCHOOSE's last day",
        _defaults("yoochoose", "--live", "0", "--horizon", "1d", "-k", "20"),
    ),
    "defaults-allrecipes": (
        "Defaults, recipes without times: a split that others made",
        _defaults("allrecipes", "--truth", "{data}/allrecipes/truth.tsv", "-k", "20"),
    ),
    "defaults-ml": (
        "Defaults, ML-100K: each user's last event",
        _defaults("ml-100k", "--protocol", "leave-last-out"),
    ),
    "defaults-ml-temporal": (
        "Defaults, ML-100K by time",
        _defaults("ml-100k", "--windows", "4"),
    ),
    "defaults-hm-raw": (
        "Defaults, 1,364 of H&M's customers",
        _defaults("hm_raw", "--windows", "8", "--set", "image.encoder=histogram"),
    ),
    "rules-hm-raw": (
        "What rules cost, 1,364 of H&M's customers",
        [
            *("rules.py", "--data", "{data}/hm_raw", "--windows", "8"),
            *("--set", "text.encoder=lsa", "--set", "image.encoder=histogram"),
        ],
    ),
    "defaults-hm": (
        "Defaults, the demo's hm",
        ["defaults.py", "--workspace", "demo", "--dataset", "hm", "--windows", "4"],
    ),
    "defaults-rr": (
        "Defaults, the demo's rr",
        ["defaults.py", "--workspace", "demo", "--dataset", "rr", "--windows", "4"],
    ),
    "tuned-ml": (
        "Tuned, ML-100K (DIR is a workspace whose recsys.toml names it)",
        ["tuned.py", "--workspace", "{full}", "--dataset", "ml", "--protocol", "leave-last-out"],
    ),
    "tuned-ml-temporal": (
        "Tuned, ML-100K by time",
        ["tuned.py", "--workspace", "{full}", "--dataset", "ml", "--windows", "4"],
    ),
    "tuned-hm": (
        "Tuned, the demo's hm",
        ["tuned.py", "--workspace", "demo", "--dataset", "hm"],
    ),
    "tuned-rr": (
        "Tuned, the demo's rr",
        ["tuned.py", "--workspace", "demo", "--dataset", "rr"],
    ),
    "tuned-sparse": (
        "Tuned, a sparse shop",
        ["tuned.py", "--shop", "36000", "90000", "18000", "--dataset", "hm"],
    ),
    "tuned-dense": (
        "Tuned, a dense shop",
        ["tuned.py", "--shop", "800", "90000", "500", "--dataset", "hm"],
    ),
}
SECTIONS = SMALL | NAMED | DATA | FULL


def section(name: str, title: str, command: list[str], *, full: str, data: str) -> str:
    """Run one benchmark and render its section."""
    shown = " ".join(["python", f"benchmarks/{command[0]}", *command[1:]])
    shown = shown.format(full="DIR", data="DATA")
    arguments = [part.format(full=full, data=data) for part in command[1:]]
    print(f"{name}: {shown}", file=sys.stderr)
    load = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / command[0]), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, load before {load:.1f}"
    return f"## {title}\n\n`{shown}` ({when})\n\n{done.stdout.strip()}\n"


def read_sections() -> dict[str, str]:
    """Sections of the present report by name."""
    if not REPORT.exists():
        return {}
    found = re.findall(r"<!-- (\S+) -->\n(.*?)(?=<!-- |\Z)", REPORT.read_text(), re.DOTALL)
    return {name: text.strip() + "\n" for name, text in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--full", metavar="DIR", default="", help="workspace of full size")
    parser.add_argument("--data", metavar="DIR", default="", help="folder of the real data sets")
    arguments = parser.parse_args()
    chosen = {name: NAMED[name] for name in arguments.sections if name in NAMED}
    available = SMALL | chosen | (DATA if arguments.data else {}) | (FULL if arguments.full else {})
    sections = read_sections()
    for name in arguments.sections or available:
        title, command = available[name]
        sections[name] = section(name, title, command, full=arguments.full, data=arguments.data)
    parts = [f"<!-- {name} -->\n{sections[name]}" for name in SECTIONS if name in sections]
    REPORT.write_text(INTRODUCTION + "\n" + "\n".join(parts))


if __name__ == "__main__":
    main()
