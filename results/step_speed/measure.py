"""How long a training step of the proxy takes, against an older checkout of this repository.

    python results/step_speed/measure.py OLD [--rounds 10] [--width 0.25] [--out results/step_speed]

OLD is the folder of the other checkout (``git worktree add OLD COMMIT``). For each architecture and image size, one
process of each checkout trains on one batch in memory with the default proxy's settings and one thread; they take
turns, twelve steps at a time. The shortest step of each counts, in seconds of the processor, so that other work on the
machine disturbs little. What both must agree on is compared first: the loss of a step, its gradients, and the
statistics of batch normalisation after it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

import nas
import search_spaces
from nas.command_line.config import load_config
from nas.command_line.parts import proxy_factory
from nas.detectors import build_detector, keep_freed_memory
from nas.training.loop import train
from nas.training.schedule import Schedule
from nas.training.step import Batch
from proxies.detection import DetectionProxy

ARCHITECTURES = ("spinenet-49", "r50-fpn", "sample 0", "sample 1", "sample 2")
SIZES = (96, 160)
STEPS = 12
CLASSES = 4


def main() -> None:
    """Measure, print, write; or, with --worker, be one of the two processes."""
    arguments = _arguments()
    if arguments.worker:
        work(arguments.worker, arguments.size, arguments.width)
        return
    rows = [
        compare(arguments.old, name, size, arguments.width, arguments.rounds)
        for name in ARCHITECTURES
        for size in SIZES
    ]
    ratios = [row["ratio"] for row in rows]
    result = {
        "steps_each": arguments.rounds * STEPS,
        "geometric_mean_of_ratios": round(float(np.exp(np.mean(np.log(ratios)))), 3),
        "rows": rows,
        "torch": torch.__version__,
        "command": f"python results/step_speed/measure.py OLD --rounds {arguments.rounds} --width {arguments.width}",
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def compare(old: Path, name: str, size: int, width: float, rounds: int) -> dict[str, Any]:
    """The shortest steps of both checkouts, and how far their first steps differ."""
    processes = {kind: _start(path, name, size, width) for kind, path in (("old", old), ("new", Path.cwd()))}
    first = {kind: json.loads(_ask(process, 0)) for kind, process in processes.items()}
    best = dict.fromkeys(processes, float("inf"))
    for number in range(rounds):
        kinds = list(processes) if number % 2 == 0 else list(processes)[::-1]
        for kind in kinds:
            best[kind] = min(best[kind], float(_ask(processes[kind], STEPS)))
    for process in processes.values():
        process.communicate()
    row = {
        "architecture": name,
        "image_size": size,
        "width": width,
        "milliseconds": {kind: round(1000 * value, 2) for kind, value in best.items()},
        "ratio": round(best["old"] / best["new"], 3),
        "relative_difference": {key: _difference(first["old"][key], first["new"][key]) for key in first["old"]},
    }
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def work(name: str, size: int, width: float) -> None:
    """Answer each number of steps on standard input with the shortest step; 0 with figures of the first one."""
    torch.set_num_threads(1)
    keep_freed_memory()
    proxy = proxy_factory(load_config("search", []))()
    assert isinstance(proxy, DetectionProxy)
    torch.manual_seed(0)
    scaling = dataclasses.replace(proxy.settings.scaling, width=width)
    network = build_detector(_architecture(name), scaling, classes=CLASSES)
    batch = _batch(size)
    for line in sys.stdin:
        if steps := int(line):
            seconds: list[float] = []
            train(network, _timed(batch, steps, seconds), Schedule(1e-3, steps), proxy.settings.optimiser)
            print(min(seconds), flush=True)
        else:
            print(json.dumps(_first_step(network, batch)), flush=True)


def _first_step(network: nas.detectors.Network, batch: Batch) -> dict[str, list[float]]:
    """Loss, gradients' norms and statistics of batch normalisation of one step in training."""
    network.train()
    with _operators(network):
        loss = torch.stack(list(network.loss(network(batch[0]), batch[1]).values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
    gradients = [float(one.grad.norm()) for one in network.parameters() if one.grad is not None]
    network.zero_grad()
    return {
        "loss": [loss.item()],
        "gradients": gradients,
        "statistics": [float(one.norm()) for one in network.buffers()],
    }


def _operators(network: nas.detectors.Network) -> AbstractContextManager[None]:
    """The fused operators, which older checkouts do not have; a training uses them by itself."""
    try:
        from nas.detectors.fused import fused_operators
    except ImportError:
        return nullcontext()
    return fused_operators(network)


def _timed(batch: Batch, steps: int, seconds: list[float]) -> Iterator[Batch]:
    """The batch once for each step; the time between two requests for it is a step's."""
    for _ in range(steps):
        started = time.thread_time()
        yield batch
        seconds.append(time.thread_time() - started)


def _architecture(name: str) -> search_spaces.Architecture:
    kind, _, seed = name.partition(" ")
    if kind != "sample":
        return search_spaces.load(name)
    return search_spaces.build("spinenet").sample(np.random.default_rng(int(seed)))


def _batch(size: int, images: int = 8) -> Batch:
    """Noise, with 1 to 7 boxes in each image."""
    rng = np.random.default_rng(0)
    targets = []
    for _ in range(images):
        count = int(rng.integers(1, 8))
        corner, side = rng.uniform(0, 0.6, (count, 2)), rng.uniform(0.05, 0.4, (count, 2))
        boxes = torch.tensor(size * np.concatenate([corner, corner + side], 1), dtype=torch.float32)
        targets.append({"boxes": boxes, "labels": torch.tensor(rng.integers(1, CLASSES, count))})
    return torch.tensor(rng.normal(size=(images, 3, size, size)), dtype=torch.float32), targets


def _difference(old: list[float], new: list[float]) -> float:
    before, after = np.array(old), np.array(new)
    return float(f"{np.linalg.norm(after - before) / np.linalg.norm(before):.2g}")


def _start(checkout: Path, name: str, size: int, width: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).resolve()), str(checkout), "--worker", name]
    command += ["--size", str(size), "--width", str(width)]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment
    )


def _ask(process: subprocess.Popen[str], steps: int) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return process.stdout.readline()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="folder of the older checkout")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each checkout, of twelve steps")
    parser.add_argument("--width", type=float, default=0.25, help="factor on the blocks' widths")
    parser.add_argument("--out", type=Path, default=Path("results/step_speed"), help="folder of result.json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
