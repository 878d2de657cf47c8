"""``kill -9`` of the driver at ten random moments of one search, resumed each time.

    python results/kill_resume/measure.py [samples=70] [kills=10] [delay=0.5] [seed=0] [controller=ppo]

Runs ``python -m nas.search`` (toy space, synthetic proxy that sleeps ``delay`` seconds, Ray with one worker) twice:
once to its end, once killed again and again. Only the driver's process gets the signal. Ends with exit code 1 unless
the record of the killed search holds every sample exactly once and the same proposals and rewards in the same order.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.engine import RECORD_NAME, Run, TrialState, read_run

DEFAULTS = {"samples": "70", "kills": "10", "delay": "0.5", "seed": "0", "controller": "ppo"}
MOST_RESULTS, STARTING, PAUSE = 6, 8.0, 1.5


def command(folder: Path, given: dict[str, str]) -> list[str]:
    settings = {
        "space": "toy",
        "controller": given["controller"],
        "proxy": "synthetic",
        "proxy.delay": given["delay"],
        "runner": "ray",
        "runner.workers": "1",
        "samples": given["samples"],
        "run": str(folder),
        "resume": str((folder / RECORD_NAME).exists()).lower(),
    }
    return [sys.executable, "-m", "nas.search", *(f"{key}={value}" for key, value in settings.items())]


def start(folder: Path, given: dict[str, str]) -> subprocess.Popen[str]:
    """The driver in a session of its own; a folder that a kill left without a record is begun anew."""
    if folder.exists() and not (folder / RECORD_NAME).exists():
        shutil.rmtree(folder)
    return subprocess.Popen(
        command(folder, given),
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder.parent)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@contextmanager
def ended(driver: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The driver, which gets SIGKILL at the end of the block if it is still there."""
    try:
        yield driver
    finally:
        driver.kill()
        driver.wait()


def run_to_the_end(folder: Path, given: dict[str, str]) -> None:
    with ended(start(folder, given)) as driver:
        output, _ = driver.communicate()
    if driver.returncode != 0:
        sys.exit(f"the driver ended with exit code {driver.returncode}:\n{output}")


def kill_at_a_random_moment(folder: Path, given: dict[str, str], rng: random.Random) -> dict[str, object]:
    """Start or resume, wait for 0 to 6 new results and a moment more, kill; what the record held then."""
    results = rng.randint(0, MOST_RESULTS)
    pause = rng.uniform(0, PAUSE if results else STARTING)
    wanted = count(folder, TrialState.COMPLETE) + results
    started = time.monotonic()
    with ended(start(folder, given)) as driver:
        while count(folder, TrialState.COMPLETE) < wanted and driver.poll() is None:
            time.sleep(0.05)
        time.sleep(pause)
        if driver.poll() is not None:
            sys.exit(f"the search was over before the kill; give more samples:\n{driver.communicate()[0]}")
    return {
        "after_seconds": round(time.monotonic() - started, 1),
        "evaluated": count(folder, TrialState.COMPLETE),
        "running": count(folder, TrialState.RUNNING),
    }


def count(folder: Path, state: TrialState) -> int:
    if not (folder / RECORD_NAME).exists():
        return 0
    return sum(trial.state is state for trial in read_run(folder).trials)


def problems(whole: Run, killed: Run, samples: int) -> list[str]:
    """What differs between the two records; nothing when all is well."""
    found = []
    evaluated = [trial for trial in killed.trials if trial.state is TrialState.COMPLETE]
    if len(evaluated) != samples or len({trial.fingerprint for trial in evaluated}) != samples:
        found.append(f"{len(evaluated)} samples are evaluated, {samples} must be, each once.")
    if any(trial.state is TrialState.RUNNING for trial in killed.trials):
        found.append("a trial is still running.")
    for there, here in zip(whole.trials, killed.trials):
        if (there.decisions, there.state, there.reward) != (here.decisions, here.state, here.reward):
            found.append(f"trial {here.number} differs from the uninterrupted run's.")
    if len(whole.trials) != len(killed.trials):
        found.append(f"{len(killed.trials)} proposals were made, {len(whole.trials)} without interruption.")
    return found


def main(arguments: list[str]) -> int:
    given = {**DEFAULTS, **dict(argument.split("=") for argument in arguments)}
    rng = random.Random(int(given["seed"]))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        whole, killed = Path(name) / "whole", Path(name) / "killed"
        run_to_the_end(whole, given)
        kills = []
        for _ in range(int(given["kills"])):
            kills.append(kill_at_a_random_moment(killed, given, rng))
            print("killed:", kills[-1], file=sys.stderr, flush=True)
        run_to_the_end(killed, given)
        runs = read_run(whole), read_run(killed)
    found = problems(*runs, int(given["samples"]))
    result = {
        "kills": kills,
        "sessions": len(runs[1].sessions),
        "proposals": len(runs[1].trials),
        "evaluated": sum(trial.state is TrialState.COMPLETE for trial in runs[1].trials),
        "known_before": sum(trial.state is TrialState.DUPLICATE for trial in runs[1].trials),
        "problems": found,
    }
    print(json.dumps(result, indent=2))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
