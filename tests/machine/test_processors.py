"""How many cores may be used, read from control groups that the tests make."""

import os
import subprocess
import sys

import pytest

from nas.machine.processors import usable_processors


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 cores whose control groups are files: (files by path, lines of the process) -> cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))

    def count(files, *lines):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        (tmp_path / "groups").write_text("".join(f"{line}\n" for line in lines))
        return usable_processors(tmp_path / "groups", tmp_path)

    return count


def v1(folder, quota, period=100000):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("files", "lines", "cores"),
    [
        ({}, [], 8),
        ({"cpu.max": "max 100000\n"}, ["0::/"], 8),
        ({"cpu.max": "200000 100000\n"}, ["0::/"], 2),
        ({"cpu.max": "150000 100000\n"}, ["0::/"], 1),
        ({"cpu.max": "30000 100000\n"}, ["0::/"], 1),
        ({"cpu.max": "300000\n"}, ["0::/"], 3),
        ({"cpu.max": "6400000 100000\n"}, ["0::/"], 8),
        ({"cpu.max": "nonsense\n"}, ["0::/"], 8),
        ({"a/b/cpu.max": "400000 100000\n"}, ["0::/a/b"], 4),
        ({"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, ["0::/a/b"], 3),
        ({"a/cpu.max": "500000 100000\n", "a/b/cpu.max": "200000 100000\n"}, ["0::/a/b"], 2),
        ({"cpu.max": "200000 100000\n"}, ["0::/docker/not/seen/inside"], 2),
        ({"cpu.max": "200000 100000\n"}, ["0::/../outside"], 2),
        ({"unified/a/cpu.max": "200000 100000\n"}, ["1:cpu:/", "0::/a"], 2),
        (v1("cpu", -1), ["1:cpu:/"], 8),
        (v1("cpu", 250000), ["1:cpu:/"], 2),
        (v1("cpu", 100000, 50000), ["1:cpu:/docker/not/seen/inside"], 2),
        (v1("cpu/job", 300000), ["4:cpuset:/other", "3:cpu,cpuacct:/job"], 3),
        (v1("cpu,cpuacct/job", 300000), ["3:cpu,cpuacct:/job"], 3),
        (v1("cpuset/job", 300000), ["3:cpuset:/job"], 8),
        (v1("cpu", 100000, 0), ["1:cpu:/"], 8),
    ],
)
def test_the_smallest_quota_counts(machine, files, lines, cores):
    assert machine(files, *lines) == cores


def test_affinity_counts_where_it_is_smaller(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5})
    assert machine({"cpu.max": "400000 100000\n"}, "0::/") == 1


def test_a_process_that_is_bound_to_one_core_counts_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from nas.machine.processors import usable_processors; print(usable_processors())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
