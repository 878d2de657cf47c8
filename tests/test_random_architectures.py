"""The script over random architectures, for a few of them."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_random_architectures_survive_every_use() -> None:
    script = ROOT / "results" / "random_architectures" / "measure.py"
    command = [sys.executable, str(script), "count=8", "programs=2", "seed=7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["different"] == 8
    assert max(summary["largest_difference"].values()) < 1e-4
