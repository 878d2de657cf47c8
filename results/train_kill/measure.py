"""``kill -9`` of a training at twenty random moments, gone on with each time: are its weights those of one in peace?

    python results/train_kill/measure.py [kills=20] [steps=120] [seed=0] [threads=1]

Runs ``python -m nas.train`` (a tiny SpineNet-49 on generated pictures, a checkpoint every two seconds) twice: once to
its end, once killed again and again. Ends with exit code 1 unless the two final states are equal to the bit: weights,
their average, the optimiser's tensors, the best score, and the files of weights. With more than one thread PyTorch may
add numbers up in another order, and small differences are no error of the training.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.torch import load_file

from nas.training.checkpoint import has_state, read_progress, read_state

DEFAULTS = {"kills": "20", "steps": "120", "seed": "0", "threads": "1"}
LONGEST_WAIT = 12.0  # seconds after the run has made a step of its own


def command(folder: Path, given: dict[str, str]) -> list[str]:
    if has_state(folder):
        return [sys.executable, "-m", "nas.train", "resume=true", f"run={folder}"]
    settings = {
        "run": folder,
        "data.images": 48,
        "data.cache_dir": folder.parent / "cache",
        "protocol.image_size": 64,
        "protocol.batch": 8,
        "protocol.most_steps": given["steps"],
        "protocol.validations": 6,
        "batch": 4,
        "width": 0.125,
        "endpoints": 16,
        "head_channels": 16,
        "checkpoint_minutes": 0.03,
    }
    return [sys.executable, "-m", "nas.train", *(f"{key}={value}" for key, value in settings.items())]


def start(folder: Path, given: dict[str, str]) -> subprocess.Popen[str]:
    """A training or the rest of one; what a kill left before the first state is begun anew."""
    if folder.exists() and not has_state(folder):
        subprocess.run(["rm", "-r", str(folder)], check=True)
    return subprocess.Popen(
        command(folder, given),
        env={**os.environ, "OMP_NUM_THREADS": given["threads"]},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def kill_again_and_again(folder: Path, given: dict[str, str]) -> int:
    """Kill the training at random moments until it was killed often enough or is over; how often it was killed."""
    rng, killed = random.Random(int(given["seed"])), 0
    while killed < int(given["kills"]) and not (has_state(folder) and read_progress(folder).over):
        with start(folder, given) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if " step " in line:
                    break
            time.sleep(rng.random() * LONGEST_WAIT)
            process.kill()
        killed += 1
        step = read_progress(folder).step if has_state(folder) else 0
        print(f"kill {killed}: the state is after step {step}", file=sys.stderr, flush=True)
    return killed


def finish(folder: Path, given: dict[str, str]) -> None:
    with start(folder, given) as process:
        process.communicate()
    assert read_progress(folder).over, f"the training in {folder} did not end"


def differences(one: Path, other: Path) -> list[str]:
    """What is not equal in the two final states."""
    states = [read_state(folder) for folder in (one, other)]
    found = [name for name, value in states[0].tensors.items() if not value.equal(states[1].tensors[name])]
    facts = [(s.progress.step, s.progress.best, s.progress.best_step, s.progress.over) for s in states]
    if facts[0] != facts[1]:
        found.append(f"progress: {facts}")
    for name in ("best.safetensors", "last.safetensors"):
        files = [load_file(folder / name) for folder in (one, other)]
        found += [f"{name}: {key}" for key, value in files[0].items() if not value.equal(files[1][key])]
    return found


if __name__ == "__main__":
    arguments = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if unknown := set(arguments) - set(DEFAULTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(DEFAULTS)}")
    settings = {**DEFAULTS, **arguments}
    with tempfile.TemporaryDirectory(prefix="train-kill-") as place:
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        kills = kill_again_and_again(broken, settings)
        finish(broken, settings)
        finish(whole, settings)
        wrong = differences(whole, broken)
    print(json.dumps({**settings, "killed": kills, "differences": wrong}))
    sys.exit(bool(wrong))
