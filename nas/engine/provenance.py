"""Where a result came from: the commit of the code, the versions of the libraries, the machine."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

LIBRARIES = ("torch", "torchvision", "ray", "networkx", "numpy", "faster-coco-eval", "pycocotools", "hydra-core")


def collect_provenance() -> dict[str, Any]:
    """``commit``, ``versions`` (Python's and the libraries'), ``platform``, ``device``; JSON-ready.

    ``device`` is the whole machine in words (:func:`machine_name`), as records have had it from the first.
    """
    return {
        "commit": code_commit(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "platform": platform.platform(),
        "device": machine_name(),
    }


def code_commit() -> str:
    """The commit of the code, with ``+changes`` after it where files differ from it; ``"unknown"`` outside a clone."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return "unknown"
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", "*.py", "*.yaml", "*.json")
    return f"{commit}+changes" if commit and changes else commit or "unknown"


def machine_name() -> str:
    """What this machine computes on: its GPUs, ``2 x NVIDIA H100``, or its processor, ``AMD EPYC, 2 threads``."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
