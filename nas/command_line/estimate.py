"""What a search will take: one architecture is timed, and the rest is reckoned. Nothing is searched or recorded."""

from __future__ import annotations

import time
from dataclasses import replace
from math import ceil

import numpy as np

from nas.command_line.config import Config
from nas.command_line.runners import threads_of_a_trial, worker_count
from nas.command_line.search_parts import search_settings
from nas.engine.events import Finished, Proposed
from nas.engine.finalists import planned, training_left
from nas.engine.rows import to_row
from nas.engine.settings import SearchSettings
from nas.engine.trial import TrialState, trial_seed
from nas.words import duration, plural, short_count
from proxies.base import Measurement, Proxy, Rehearsal
from search_spaces.architecture import Architecture
from search_spaces.base import SearchSpace
from search_spaces.errors import SearchError


def print_estimate(config: Config, space: SearchSpace, proxy: Proxy, prefilter: Proxy | None = None) -> None:
    """Time one architecture of the space, and print what the search of the configuration will take.

    Raises:
        SearchError: the architecture cannot be evaluated.
        ConfigError: the resources do not suffice for one trial.
    """
    import torch

    workers = worker_count(config, ask_cluster=True) or 1
    torch.set_num_threads(threads_of_a_trial(config))
    seed, settings = config["seed"], search_settings(config)
    if not proxy.training_steps():
        settings = replace(settings, finalists=replace(settings.finalists, longer=1.0))
    architecture = space.sample(np.random.default_rng(seed))
    rehearsal = _rehearse(proxy, architecture, seed)
    measured, each = rehearsal.measurement, _seconds(rehearsal)
    trainings, checks = training_left(settings), sum(planned(settings).values())
    scored, score_seconds = _filtering(prefilter, settings, architecture)
    row = record_bytes(architecture, space, measured)
    phases = ", ".join(f"{phase} {value:,.1f} s" for phase, value in measured.seconds.items())
    print(f"an estimate; nothing is searched, and no run folder is left. On {measured.device}, one worker alone:")
    print(f"one architecture of space {space.name}: {each:,.1f} s ({phases}), {rehearsal.how}")
    if scored:
        print(
            f"the score of prefilter {settings.prefilter}: {score_seconds:,.1f} s; with keep {settings.keep:g}, about "
            f"{plural(scored, 'architecture')} must be scored for {plural(settings.samples, 'sample')}"
        )
    hours = hours_of(trainings, workers, each) + hours_of(scored, workers, score_seconds)
    a_sample = each + score_seconds * scored / settings.samples
    rate = f"{3600 * workers / a_sample:,.1f}" if a_sample > 0 else "any number of"
    print(f"workers at a time: {workers}, so {rate} trials per hour")
    filtering = ", and the scores of the prefilter" if scored else ""
    early = "early stops, " if config["runner"].get("asha") else ""
    print(
        f"{plural(settings.samples, 'sample')} and {plural(checks, 'check')}, as much as {trainings:,.0f} trials"
        f"{filtering}: {duration(3600 * hours)}, that is {hours:.2f} hours; not counted: starting, recording, {early}"
        "what workers take from each other, and that architectures differ"
    )
    print(
        f"disk: {short_count(proxy.cache_bytes())}B of decoded images in the cache; {short_count(row)}B of record a "
        f"trial, {short_count(row * (max(settings.samples, scored) + checks))}B in all"
    )


def _rehearse(proxy: Proxy, architecture: Architecture, seed: int) -> Rehearsal:
    rehearsal = proxy.rehearse(architecture, trial_seed(seed, 0))
    if (error := rehearsal.measurement.error) is not None:
        raise SearchError(f"the architecture that was to be timed could not be evaluated: {error}")
    return rehearsal


def _seconds(rehearsal: Rehearsal) -> float:
    return sum(rehearsal.measurement.seconds.values())


def _filtering(prefilter: Proxy | None, settings: SearchSettings, architecture: Architecture) -> tuple[int, float]:
    """How many architectures the filter will score for all samples, and how long a score takes in seconds."""
    if prefilter is None or settings.keep is None:
        return 0, 0.0
    return ceil(settings.samples / settings.keep), _seconds(_rehearse(prefilter, architecture, settings.seed))


def hours_of(trainings: float, workers: int, seconds_each: float) -> float:
    """How long the workers take for that many trainings; the last ones leave some of them idle."""
    return ceil(trainings / workers) * seconds_each / 3600


def record_bytes(architecture: Architecture, space: SearchSpace, measurement: Measurement) -> int:
    """What one trial adds to the record: the rows of a proposal and of its answer."""
    now = time.time()
    proposed = Proposed(0, space.encode(architecture), architecture, architecture.fingerprint, 0, now)
    finished = Finished(0, TrialState.COMPLETE, measurement.ap, measurement, None, now, now, 1)
    return sum(len(payload) + len(check) for _, payload, check in (to_row(1, proposed), to_row(2, finished)))
