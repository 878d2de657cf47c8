"""An audit of proxies: the same architectures measured by each of them and by a longer training, with several seeds.

What is measured is a plan, a pure function of the settings. Every measurement is a row of ``rows.jsonl``, appended the
moment it exists; a row that is there is not measured again.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx

from nas.engine.differences import first_difference
from nas.studies.rows import Row, append_rows, read_rows
from proxies.base import Measurement, Proxy
from proxies.reward import reward
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, NasError, SearchError, first_line
from search_spaces.graph import to_graph

ROWS = "rows.jsonl"
REFERENCE = "reference"
LEAST_ARCHITECTURES, LEAST_SEEDS = 4, 2

MakeProxy = Callable[[], Proxy]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture of the audit.

    Attributes:
        name: a published name, or ``random-3`` for the first sample of a generator seeded with 3.
        architecture: what is measured.
        published_ap: of the paper, in percent; None for an architecture that is not in it.
    """

    name: str
    architecture: Architecture
    published_ap: float | None = None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A proxy of the audit.

    Attributes:
        name: what it is called in the rows; ``reference`` is the one that the others are compared with.
        proxy: what measures.
        settings: all that decides what it measures, as plain values; rows of other settings are no rows of this one.
    """

    name: str
    proxy: MakeProxy
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement that the audit wants."""

    fidelity: Fidelity
    candidate: Candidate
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies its row."""
        return self.fidelity.name, self.candidate.name, self.seed


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How much is measured.

    Attributes:
        seeds: trainings of every architecture by every proxy, at least 2.
        published_seeds: trainings of the published architectures by every proxy, at least ``seeds``.
        reference_seeds: trainings of the first ``reference_again`` architectures by the reference; the others have one.
        reference_again: how many that are.
    """

    seeds: int = 2
    published_seeds: int = 3
    reference_seeds: int = 2
    reference_again: int = 6

    def __post_init__(self) -> None:
        if self.seeds < LEAST_SEEDS:
            raise ConfigError(
                f"seeds is {self.seeds}; an audit needs at least {LEAST_SEEDS}, to tell seeds from architectures."
            )
        if self.published_seeds < self.seeds:
            raise ConfigError(
                f"published_seeds is {self.published_seeds}; it must be at least seeds, which is {self.seeds}."
            )
        for name in ("reference_seeds", "reference_again"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    def seeds_of(self, fidelity: str, place: int, candidate: Candidate) -> int:
        """How often a proxy measures the architecture at a place of the list."""
        if fidelity == REFERENCE:
            return self.reference_seeds if place < self.reference_again else 1
        return self.seeds if candidate.published_ap is None else self.published_seeds


def plan(fidelities: Sequence[Fidelity], candidates: Sequence[Candidate], settings: AuditSettings) -> Iterator[Job]:
    """All measurements in the order in which they are made: every proxy once with each seed, so that what is there
    early compares all of them.

    Raises:
        ConfigError: there are too few architectures, or two proxies or architectures have one name.
    """
    if len(candidates) < LEAST_ARCHITECTURES:
        raise ConfigError(
            f"the audit has {len(candidates)} architectures; it needs at least {LEAST_ARCHITECTURES} to rank them."
        )
    for what, names in (("proxies", [one.name for one in fidelities]), ("architectures", [c.name for c in candidates])):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"two {what} of the audit are called {twice!r}; each must have a name of its own.")
    for seed in range(max(settings.reference_seeds, settings.published_seeds)):
        for fidelity in fidelities:
            for place, one in enumerate(candidates):
                if seed < settings.seeds_of(fidelity.name, place, one):
                    yield Job(fidelity, one, seed)


def missing(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """The jobs without a row yet.

    Raises:
        ConfigError: a proxy of the same name was measured with other settings, or other architectures of the same
            names were.
        RecordError: the file of rows is damaged.
    """
    rows = read_rows(folder / ROWS)
    _check_settings(jobs, rows, folder)
    _check_architectures(jobs, rows, folder)
    there = {(row["fidelity"], row["architecture"], row["seed"]) for row in rows if "fidelity" in row}
    return [job for job in jobs if job.key not in there]


def run(
    jobs: Sequence[Job],
    folder: Path,
    workers: int,
    provenance: Mapping[str, Any],
    on_row: Callable[[Row], None] = lambda row: None,
) -> None:
    """Measure the jobs side by side, each on one core, and append a row for each.

    Raises:
        SearchError: a worker died, for example because the memory did not suffice; what is measured is kept.
        FileError: the rows cannot be written.
    """
    if not jobs:
        return
    append_rows(folder / ROWS, [_session(jobs, provenance)])
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker) as pool:
        try:
            for done in as_completed([pool.submit(measure, job) for job in jobs]):
                append_rows(folder / ROWS, [row := _result(done)])
                on_row(row)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def measure(job: Job) -> Row:
    """The row of a job, measured in this process."""
    proxy = job.fidelity.proxy()
    proxy.prepare()
    started = time.process_time()
    result = proxy.evaluate(job.candidate.architecture, job.seed)
    return row_of(job, result, time.process_time() - started)


def row_of(job: Job, result: Measurement, core_seconds: float) -> Row:
    """What is kept of a measurement; ``value`` is what a controller would be told."""
    return {
        "fidelity": job.fidelity.name,
        "architecture": job.candidate.name,
        "fingerprint": job.candidate.architecture.fingerprint,
        "seed": job.seed,
        "value": reward(result),
        "metrics": {name: round(value, 6) for name, value in result.metrics.items() if name in _KEPT},
        "core_seconds": round(core_seconds, 2),
        "params": result.params,
        "multiply_adds": result.multiply_adds,
        "depth": depth(job.candidate.architecture),
        "error": result.error,
    }


def depth(architecture: Architecture) -> int:
    """Blocks on the longest way through the architecture."""
    return int(nx.dag_longest_path_length(to_graph(architecture), weight=None)) + 1


_KEPT = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ap_running_statistics", "train_loss")


def _begin_worker() -> None:
    """One thread; Ctrl-C is for the process that waits, which then ends the workers."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _session(jobs: Sequence[Job], provenance: Mapping[str, Any]) -> Row:
    return {"started": time.time(), "settings": _settings(jobs), **provenance}


def _settings(jobs: Sequence[Job]) -> dict[str, Any]:
    """Name of each proxy -> its settings, as JSON gives them back."""
    found = {job.fidelity.name: dict(job.fidelity.settings) for job in jobs}
    return dict(json.loads(json.dumps(found, default=str)))


def _check_settings(jobs: Sequence[Job], rows: Sequence[Row], folder: Path) -> None:
    wanted = _settings(jobs)
    for session in (row for row in rows if "settings" in row):
        for name, settings in session["settings"].items():
            if name in wanted and (difference := first_difference(settings, wanted[name])):
                key, there, here = difference
                raise ConfigError(
                    f"{folder / ROWS} has rows of proxy {name} with {key} {there!r}, here it is {here!r}; give the "
                    "proxy another name, or the audit another run=."
                )


def _check_architectures(jobs: Sequence[Job], rows: Sequence[Row], folder: Path) -> None:
    wanted = {job.candidate.name: job.candidate.architecture.fingerprint for job in jobs}
    for row in rows:
        if row.get("architecture") in wanted and row["fingerprint"] != wanted[row["architecture"]]:
            raise ConfigError(
                f"{folder / ROWS} has rows of another {row['architecture']} ({row['fingerprint']}, here "
                f"{wanted[row['architecture']]}), as of another space; give the audit another run=."
            )


def _result(done: Future[Row]) -> Row:
    try:
        return done.result()
    except BrokenProcessPool:
        raise SearchError(
            "a worker of the audit died, perhaps for want of memory; what is measured is kept: give the command again "
            "to go on, with fewer workers."
        ) from None
    except NasError:
        raise
    except Exception as error:
        raise SearchError(
            f"a measurement of the audit failed ({type(error).__name__}: {first_line(error)}); what is measured is "
            "kept: give the command again to go on."
        ) from error
