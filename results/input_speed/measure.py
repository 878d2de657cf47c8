"""How fast training reads its input: whole steps from the cache against bare steps on a batch already in memory.

    python results/input_speed/measure.py --steps 60 --out results/input_speed

Both kinds of step take turns in one process, in random order, so that whatever else the machine does falls on both
alike; each step is a pass forward, a pass backward and the optimiser's. Prints and writes the ratio of their speeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import proxies
import search_spaces
from nas.detectors import build_detector
from nas.training.input import batches
from nas.training.loop import train
from nas.training.schedule import Schedule
from proxies.detection import DetectionProxy


def main() -> None:
    """Measure, print, write."""
    arguments = _arguments()
    proxy = proxies.build("detection")
    assert isinstance(proxy, DetectionProxy)
    seconds = measure(proxy, arguments.steps)
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    summary = {
        "steps_each": arguments.steps,
        "device": str(proxy.device),
        "image_size": proxy.settings.image_size,
        "batch_size": proxy.settings.batch_size,
        "milliseconds_per_step": {name: round(1000 * value, 2) for name, value in median.items()},
        "speed_with_input": round(median["bare"] / median["with input"], 4),
        "command": " ".join(sys.argv),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=2))


def measure(proxy: DetectionProxy, steps: int) -> dict[str, list[float]]:
    """Seconds of every step, by kind."""
    if proxy.device.type == "cpu":
        torch.set_num_threads(proxy.settings.threads or 1)
    data, split = proxy.open()
    detector = build_detector(search_spaces.load("spinenet-49"), proxy.scaling, classes=len(data.class_names) + 1)
    detector.to(proxy.device)
    stream = batches(data, split.train, proxy.settings.batch_size or 1, proxy.augment, 0, proxy.device)
    in_memory = next(stream)
    sources: dict[str, Callable[[], object]] = {"bare": lambda: in_memory, "with input": lambda: next(stream)}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    schedule = Schedule(1e-4, 1)
    order = np.random.default_rng(0)
    for number in range(steps + WARM_UP):
        for name in order.permutation(list(sources)):
            _synchronise(proxy.device)
            started = time.perf_counter()
            batch = sources[name]()
            train(detector, [batch], schedule, proxy.optimiser)
            _synchronise(proxy.device)
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    return seconds


WARM_UP = 5


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60, help="steps of each kind")
    parser.add_argument("--out", type=Path, default=Path("results/input_speed"), help="folder of summary.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
