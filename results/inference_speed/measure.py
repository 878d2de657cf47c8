"""SpineNet-49 RetinaNet at batch 1: the fast copy against the plain module and TF Model Garden, run in turns.

    python results/inference_speed/measure.py [rounds=20] [side=640] [threads=2] [model_garden=PYTHON]

PYTHON is an interpreter with tf-models-official; without it that row is left out. Each contender has a process of its
own, and they run in turns, so that a noisy machine is noisy for all. Post-processing is timed on the fast copy's own
outputs with a trained detector's share of scores above the threshold. Writes speed.json beside this file.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from nas.detectors import DetectionSettings
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.postprocess import postprocess

HERE = Path(__file__).parent
REST = 0.5  # seconds before each run: threads of the contender before go on spinning for a while
CANDIDATES = 6000  # (anchor, class) pairs above the threshold, about as many as trained detectors have


def main(arguments: list[str]) -> None:
    """Run the contenders in turns; print and write medians and ratios."""
    options = {
        "rounds": "20",
        "side": "640",
        "threads": "2",
        "model_garden": "",
        **dict(a.split("=") for a in arguments),
    }
    kinds = {"plain": sys.executable, "fast": sys.executable}
    if options["model_garden"]:
        kinds["model_garden"] = options["model_garden"]
    processes = {kind: start(python, kind, options["side"], options["threads"]) for kind, python in kinds.items()}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(int(options["rounds"])):
        for kind, process in processes.items():
            time.sleep(REST)
            seconds[kind].append(ask(process))
        print(f"round {number + 1}: {', '.join(f'{k} {v[-1]:.3f} s' for k, v in seconds.items())}", file=sys.stderr)
    for process in processes.values():
        process.terminate()
    torch.set_num_threads(int(options["threads"]))
    result = {
        "rounds": int(options["rounds"]),
        "side": int(options["side"]),
        "threads": int(options["threads"]),
        "median_milliseconds": {kind: round(1000 * statistics.median(times), 1) for kind, times in seconds.items()},
        "fast_is_times_as_fast_as": {kind: ratio(times, seconds["fast"]) for kind, times in seconds.items()},
        "postprocessing_share_of_plain": round(
            postprocessing_seconds(int(options["side"])) / statistics.median(seconds["plain"]), 4
        ),
        "postprocessing_share_of_fast": round(
            postprocessing_seconds(int(options["side"])) / statistics.median(seconds["fast"]), 4
        ),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result, indent=2))
    (HERE / "speed.json").write_text(json.dumps(result, indent=2) + "\n")


def start(python: str, kind: str, side: str, threads: str) -> subprocess.Popen[str]:
    """A contender, warmed up."""
    root = str(HERE.parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": threads}
    process = subprocess.Popen(
        [python, str(HERE / "contender.py"), kind, side, threads],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            return process
    raise SystemExit(f"{kind} did not start: {python} {HERE / 'contender.py'} {kind} {side} {threads} says why.")


def ask(process: subprocess.Popen[str]) -> float:
    """Seconds of one run."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("run\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def ratio(times: list[float], fast: list[float]) -> float:
    """Median over the rounds of a contender's time through the fast one's in the same round."""
    return round(statistics.median(a / b for a, b in zip(times, fast)), 3)


def postprocessing_seconds(side: int) -> float:
    """Median seconds of the post-processing of outputs with CANDIDATES scores above the threshold."""
    torch.manual_seed(0)
    sizes = tuple((level, (side // 2**level, side // 2**level)) for level in range(3, 8))
    anchors = anchor_boxes(sizes, 3.0, torch.device("cpu"))
    logits = torch.full((1, len(anchors), 91), -6.0) + 0.5 * torch.randn(1, len(anchors), 91)
    above = torch.randint(len(anchors), (CANDIDATES,)), torch.randint(1, 91, (CANDIDATES,))
    logits[0, above[0], above[1]] = torch.randn(CANDIDATES) - 1.5
    codes = 0.1 * torch.randn(1, len(anchors), 4)
    times = []
    for _ in range(15):
        started = time.perf_counter()
        postprocess(logits, codes, anchors, (side, side), DetectionSettings())
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main(sys.argv[1:])
