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


def measure(folder: Path, words: list[str], cache: str) -> tuple[float, float]:
    """Seconds of wall time and of processor time of ``python -m nas.WORDS`` with the code of a folder."""
    command = [sys.executable, "-m", f"nas.{words[0]}", *words[1:]]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cache, env=environment(folder, cache), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, used.ru_utime + used.ru_stime


def environment(folder: Path, cache: str) -> dict[str, str]:
    """Of a command that runs the code of a folder."""
    return {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": cache}


def imported(folder: Path, words: list[str], cache: str) -> dict[str, float]:
    """Large library -> seconds that its import takes, with all that it imports."""
    command = [sys.executable, "-X", "importtime", "-m", f"nas.{words[0]}", *words[1:]]
    done = subprocess.run(
        command, cwd=cache, env=environment(folder, cache), capture_output=True, text=True, check=True
    )
    rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {row[2].strip(): int(row[1]) / 1e6 for row in rows[1:] if row[2].strip() in LARGE}


def compare(folders: dict[str, Path], words: list[str], repeats: int, cache: str) -> dict[str, object]:
    """What is measured of one command in each version; the versions take turns, after one run that warms the disk."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
    for _ in range(repeats + 1):
        for name, folder in folders.items():
            runs[name].append(measure(folder, words, cache))
    return {name: summary(runs[name][1:], imported(folder, words, cache)) for name, folder in folders.items()}


def summary(runs: list[tuple[float, float]], imports: dict[str, float]) -> dict[str, object]:
    """The medians, the lowest, and what the large libraries took."""
    wall, processor = zip(*runs)
    return {
        "wall": round(statistics.median(wall), 2),
        "wall_lowest": round(min(wall), 2),
        "processor": round(statistics.median(processor), 2),
        "imports": {name: round(value, 2) for name, value in imports.items()},
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
            result[name] = compare({"before": before, "now": ROOT}, words, arguments.repeats, str(cache))
            print(name, result[name], file=sys.stderr)
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    print(
        json.dumps(
            {"commit_before": arguments.commit, "repeats": arguments.repeats, **machine, "seconds": result}, indent=2
        )
    )


if __name__ == "__main__":
    main()
