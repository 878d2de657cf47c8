"""How long a command takes before it does its work, in this checkout and in another commit of it.

python results/start_up/measure.py --commit 10abf20 > results/start_up/result.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("space", "data", "report", "search", "compile", "convert")
STARTS = [[command, option] for command in COMMANDS for option in ("--help", "--cfg")]
RUNS = [["space"], ["data", "data.images=64"], ["report", "run=bccd"]]
LARGE = ("torch", "ray", "matplotlib")


def measure(folder: Path, words: list[str], repeats: int, cache: str) -> list[float]:
    """Seconds of wall time of ``python -m nas.WORDS`` with the code of a folder; one run before warms the disk."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": cache}
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        command = [sys.executable, "-m", f"nas.{words[0]}", *words[1:]]
        subprocess.run(command, cwd=cache, env=environment, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def imported(folder: Path, words: list[str], cache: str) -> dict[str, float]:
    """Large library -> seconds that its import takes, with all that it imports."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": cache}
    command = [sys.executable, "-X", "importtime", "-m", f"nas.{words[0]}", *words[1:]]
    done = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True, check=True)
    rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {row[2].strip(): int(row[1]) / 1e6 for row in rows[1:] if row[2].strip() in LARGE}


def row(folder: Path, words: list[str], repeats: int, cache: str) -> dict[str, object]:
    """What is measured of one command."""
    seconds = measure(folder, words, repeats, cache)
    return {
        "median": round(statistics.median(seconds), 2),
        "lowest": round(min(seconds), 2),
        "highest": round(max(seconds), 2),
        "import_seconds": {name: round(value, 2) for name, value in imported(folder, words, cache).items()},
    }


def main() -> None:
    """Measure every command in both versions, taking turns, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True, help="the version to compare with")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        before, cache = Path(temporary) / "before", Path(temporary) / "cache"
        (cache / "bccd").mkdir(parents=True)
        shutil.copy(ROOT / "results" / "bccd" / "record.db", cache / "bccd")
        archive = subprocess.run(["git", "-C", ROOT, "archive", arguments.commit], check=True, capture_output=True)
        before.mkdir()
        subprocess.run(["tar", "-x", "-C", before], input=archive.stdout, check=True)
        result = {}
        for words in (*STARTS, *RUNS):
            name = " ".join(words)
            result[name] = {
                "before": row(before, words, arguments.repeats, str(cache)),
                "now": row(ROOT, words, arguments.repeats, str(cache)),
            }
            print(name, result[name]["before"]["median"], result[name]["now"]["median"], file=sys.stderr)
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    print(
        json.dumps(
            {"commit_before": arguments.commit, "repeats": arguments.repeats, **machine, "seconds": result}, indent=2
        )
    )


if __name__ == "__main__":
    main()
