"""How fast training reads its input: whole steps from the cache against bare steps on a batch already in memory.

    python results/input_speed/measure.py [--rounds 24] [--out results/input_speed] [KEY=VALUE ...]

Both kinds of step take turns in one process, ten steps at a time in random order, so that whatever else the machine
does falls on both alike; each step is a pass forward, a pass backward and the optimiser's. Prints and writes the ratio
of their speeds. Proxy and data are those of ``nas.search``, with the same settings as KEY=VALUE.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

import search_spaces
from nas.command_line.config import load_config
from nas.command_line.parts import proxy_factory
from nas.detectors import build_detector, keep_freed_memory
from nas.engine.provenance import collect_provenance
from nas.training.input import batches
from nas.training.loop import train
from nas.training.schedule import Schedule
from nas.training.step import Batch
from proxies.detection import DetectionProxy

STEPS = 10


def main() -> None:
    """Measure, print, write."""
    arguments = _arguments()
    proxy = proxy_factory(load_config("search", arguments.overrides))()
    assert isinstance(proxy, DetectionProxy)
    seconds = measure(proxy, arguments.rounds)
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    summary = {
        "steps_each": arguments.rounds * STEPS,
        "image_size": proxy.settings.image_size,
        "batch_size": proxy.settings.batch_size,
        "milliseconds_per_step": {name: round(1000 * value, 2) for name, value in median.items()},
        "speed_with_input": round(median["bare"] / median["with input"], 4),
        "command": " ".join(sys.argv),
        **collect_provenance(),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=2))


def measure(proxy: DetectionProxy, rounds: int) -> dict[str, list[float]]:
    """Mean seconds of a step in every round, by kind."""
    if proxy.device.type == "cpu":
        torch.set_num_threads(1)
        keep_freed_memory()  # as the proxy does
    data, split = proxy.open()
    recipe = proxy.settings
    detector = build_detector(search_spaces.load("spinenet-49"), recipe.scaling, classes=len(data.class_names) + 1)
    detector.to(proxy.device)
    stream = batches(data, split.train, recipe.batch_size or 1, recipe.augment, recipe.order_seed, proxy.device)
    in_memory = next(stream)
    sources: dict[str, Iterable[Batch]] = {"bare": itertools.repeat(in_memory), "with input": stream}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    schedule = Schedule(1e-4, STEPS)
    order = np.random.default_rng(0)
    for number in range(rounds + 1):
        for name in order.permutation(list(sources)):
            _synchronise(proxy.device)
            started = time.perf_counter()
            train(detector, itertools.islice(sources[name], STEPS), schedule, recipe.optimiser)
            _synchronise(proxy.device)
            if number:  # the first round warms up
                seconds[name].append((time.perf_counter() - started) / STEPS)
    return seconds


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24, help="rounds of ten steps of each kind")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings, as of nas.search")
    parser.add_argument("--out", type=Path, default=Path("results/input_speed"), help="folder of summary.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
