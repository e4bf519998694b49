"""Per-user metrics by ranx, for the tests: cases as JSON on stdin, values as JSON on stdout.

A line of each at a time, until stdin ends.

Runs as its own process with numba's compiler off, since compiling ranx takes a minute and
interpreting it a few seconds.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")
import ranx  # noqa: E402

METRICS = {
    "recall": "recall",
    "precision": "precision",
    "hitrate": "hit_rate",
    "mrr": "mrr",
    "map": "map",
    "ndcg": "ndcg",
}


def answer(cases: dict) -> dict[str, list[float]]:
    qrels = {f"u{i:04}": {str(t): 1 for t in truth} for i, truth in enumerate(cases["truth"])}
    # ranx knows no empty list, so an item that is never relevant stands in for it.
    run = {
        f"u{i:04}": {str(item): 1 - rank / 100 for rank, item in enumerate(items)} or {"none": 1.0}
        for i, items in enumerate(cases["lists"])
    }
    names = [f"{METRICS[m]}@{k}" for k in cases["ks"] for m in METRICS]
    scored = ranx.evaluate(
        ranx.Qrels(qrels), ranx.Run(run), names, return_mean=False, make_comparable=True
    )
    ours = [f"{m}@{k}" for k in cases["ks"] for m in METRICS]
    return {o: scored[n].tolist() for o, n in zip(ours, names, strict=True)}


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
