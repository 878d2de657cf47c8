"""Does the proxy carry signal? Random architectures, each measured with several seeds.

    python results/proxy_signal/measure.py
    python results/proxy_signal/measure.py --architectures 8 --out signal proxy.steps=200 proxy.scaling.head_depth=2

Prints and writes the Spearman correlation of AP between seeds, the spread of AP between architectures against that
between seeds, and the seconds that an architecture takes. The files are ``measurements.csv`` (a row per evaluation)
and ``summary.json``. Space, proxy and data are those of ``nas.search``, with the same settings as KEY=VALUE.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.command_line.config import Config, load_config
from nas.command_line.parts import make_space, proxy_factory
from nas.engine.provenance import collect_provenance
from nas.statistics import spearman

FIELDS = ("architecture", "fingerprint", "seed", "ap", "params", "multiply_adds", "build", "train", "evaluate", "error")
Row = dict[str, Any]
Task = tuple[Config, int, int]


def main() -> None:
    """Measure, write the files, print the summary."""
    arguments = _arguments()
    config = load_config("search", arguments.overrides)
    proxy_factory(config)().prepare()
    tasks = [
        (config, arguments.first + number, seed)
        for seed in range(arguments.seeds)
        for number in range(arguments.architectures)
    ]
    rows = _run(tasks, arguments.workers)
    summary = {**summarise(rows), "command": " ".join(sys.argv), **collect_provenance()}
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "measurements.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["architecture"], row["seed"])))
    (arguments.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=2))


def measure(task: Task) -> Row:
    """One evaluation; architecture number n is the first sample of a generator seeded with n."""
    config, number, seed = task
    architecture = make_space(config).sample(np.random.default_rng(number))
    result = proxy_factory(config)().evaluate(architecture, seed)
    return {
        "architecture": number,
        "fingerprint": architecture.fingerprint,
        "seed": seed,
        "ap": result.ap,
        "params": result.params,
        "multiply_adds": result.multiply_adds,
        **{phase: round(result.seconds.get(phase, 0.0), 2) for phase in ("build", "train", "evaluate")},
        "error": result.error,
    }


def summarise(rows: list[Row]) -> dict[str, Any]:
    """Spearman correlation (mean over pairs of seeds), standard deviations of AP and their ratio, seconds."""
    seeds = sorted({row["seed"] for row in rows})
    by_architecture: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["ap"] is not None:
            by_architecture.setdefault(row["architecture"], {})[row["seed"]] = row["ap"]
    complete = np.asarray([[aps[seed] for seed in seeds] for aps in by_architecture.values() if len(aps) == len(seeds)])
    seconds = [row["build"] + row["train"] + row["evaluate"] for row in rows]
    between = float(complete.mean(axis=1).std(ddof=1))
    within = float(np.sqrt(complete.var(axis=1, ddof=1).mean()))
    pairs = [spearman(complete[:, a], complete[:, b]) for a, b in itertools.combinations(range(len(seeds)), 2)]
    return {
        "architectures": len(complete),
        "seeds": len(seeds),
        "failed": sum(row["ap"] is None for row in rows),
        "spearman": round(float(np.mean(pairs)), 4),
        "deviation_between_architectures": round(between, 5),
        "deviation_between_seeds": round(within, 5),
        "spread_ratio": round(between / within, 3),
        "ap": {name: round(float(getattr(complete, name)()), 4) for name in ("min", "mean", "max")},
        "seconds": {"mean": round(float(np.mean(seconds)), 2), "max": round(max(seconds), 2)},
    }


def _run(tasks: list[Task], workers: int) -> list[Row]:
    rows: list[Row] = []
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(workers, torch.set_num_threads, (1,)) as pool:
        for row in pool.imap_unordered(measure, tasks):
            rows.append(row)
            passed = time.monotonic() - started
            left = passed / len(rows) * (len(tasks) - len(rows))
            found = row["error"] or f"AP {row['ap']:.4f}"
            print(
                f"{len(rows)}/{len(tasks)}  architecture {row['architecture']} seed {row['seed']}: {found}  "
                f"{3600 * len(rows) / passed:.0f} per hour, {left:.0f} s left",
                file=sys.stderr,
            )
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", type=int, default=16, help="how many random architectures")
    parser.add_argument("--first", type=int, default=0, help="number of the first architecture")
    parser.add_argument("--seeds", type=int, default=2, help="evaluations of each")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings, as of nas.search")
    parser.add_argument("--out", type=Path, default=Path("results/proxy_signal"), help="folder of the files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
