"""How many processor cores this process may use, which is often fewer than the machine has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")

Reader = Callable[[Path], float | None]
"""Folder of a control group -> the cores that it allows; None for no limit."""


def usable_processors(groups: Path = GROUPS, root: Path = ROOT) -> int:
    """The cores that the process may run on (``taskset``, SLURM, cpusets), or a container's quota where it is smaller.

    A quota is rounded down, since a worker is given whole cores: 1.5 cores are 1. There is always at least 1.

    Args:
        groups: the file that names the control groups of the process, one line ``id:controllers:path`` each.
        root: where the control groups are mounted, version 1 or 2 or both.
    """
    allowed = len(os.sched_getaffinity(0))
    return max(1, int(min([allowed, *_quotas(groups, root)])))


def _quotas(groups: Path, root: Path) -> Iterator[float]:
    """Cores that each group of the process allows; a group is bound by all groups above it too."""
    for mount, path, read in _groups(groups, root):
        folder = mount.joinpath(*(part for part in Path(path).parts if part not in ("/", "..")))
        for level in (folder, *folder.parents):
            if level.is_relative_to(mount) and (quota := read(level)) is not None:
                yield quota


def _groups(groups: Path, root: Path) -> Iterator[tuple[Path, str, Reader]]:
    """(mount, path of the group below it, what reads its quota); the mount itself where the path cannot be read."""
    yield root, "/", _version_2
    yield root / "cpu", "/", _version_1
    for line in _text(groups).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield root, path, _version_2
            yield root / "unified", path, _version_2
        elif "cpu" in controllers.split(","):
            for name in {"cpu", controllers}:
                yield root / name, path, _version_1


def _version_2(folder: Path) -> float | None:
    """``cpu.max`` holds quota and period in microseconds, or ``max`` and the period."""
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _ratio(quota, period or "100000")


def _version_1(folder: Path) -> float | None:
    """A quota of -1 is none."""
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
