"""What the end of a search says: the winner, beside the references. From the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.engine.check import CheckRecord, Purpose, Reference
from nas.engine.costs import Costed
from nas.engine.finalists import choose_winner, final_checks, finalist_checks, finalists, reference_checks
from nas.engine.record import Run
from nas.engine.settings import FinalistSettings, SearchSettings
from nas.engine.trial import TrialRecord
from nas.reporting.summary import Sample, best_sample, samples
from nas.statistics.student import Estimate, estimate
from search_spaces.architecture import Architecture

DEFAULT_SIZE = 640


@dataclass(frozen=True, slots=True)
class Contender:
    """A finalist, the winner or a reference, with what was measured of it: AP, or the score that stands in its place.

    Attributes:
        name: of the reference, or ``trial 12``.
        architecture: what was measured.
        ap: its AP at the budget of a trial; None where that failed or is not there yet.
        longer: its AP with the longer training: of the final checks where there are any, else of the finalist's.
        final: whether ``longer`` comes from seeds that have chosen nothing.
        cost: of the full-size detector; None where it was not counted.
        errors: why a check has no result.
        by_seed: seed of a final check -> its AP.
    """

    name: str
    architecture: Architecture
    ap: float | None
    longer: Estimate | None
    final: bool
    cost: Costed | None
    errors: tuple[str, ...]
    by_seed: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a search, as far as it is recorded.

    Attributes:
        best: the winner where the finalists have chosen one, else the sample with the highest reward; None without any.
        winner: the same with its checks; None while the finalists have not chosen.
        finalists: the best first, as trials.
        references: in the order of the settings.
        times: how many times as long as a trial's the longer training is.
        value_name: ``AP``, or what the score is called that stands in its place.
    """

    best: Sample | None
    winner: Contender | None
    finalists: tuple[Contender, ...]
    references: tuple[Contender, ...]
    times: float
    value_name: str

    def difference(self, reference: Contender) -> Estimate | None:
        """Winner minus reference in AP, over the seeds that both were trained with."""
        return None if self.winner is None else paired(self.winner, reference)


def answer(run: Run) -> Answer:
    """All of :class:`Answer`; a run without sessions, trials or checks is fine."""
    settings = recorded_settings(run)
    size = recommended_size(run)
    chosen = finalists(settings, run.trials)
    winner = choose_winner(settings, run.trials, run.checks)
    wanted = [*finalist_checks(settings, chosen), *final_checks(settings, winner), *reference_checks(settings)]
    keys = {check.key for check in wanted}
    by_architecture: dict[str, list[CheckRecord]] = {}
    for done in run.checks:
        if done.check.key in keys:
            by_architecture.setdefault(done.check.architecture.fingerprint, []).append(done)
    costs = {cost.fingerprint: cost for cost in run.costs if cost.image_size == size}

    def contender(name: str, architecture: Architecture, trial: TrialRecord | None) -> Contender:
        mark = architecture.fingerprint
        return _contender(name, architecture, trial, by_architecture.get(mark, ()), costs.get(mark))

    ranked = [contender(f"trial {one.number}", one.architecture, one) for one in chosen if one.architecture]
    measured = samples(run)
    by_number = {sample.trial.number: sample for sample in measured}
    return Answer(
        best=best_sample(measured) if winner is None else by_number[winner.number],
        winner=None if winner is None else ranked[chosen.index(winner)],
        finalists=tuple(ranked),
        references=tuple(contender(one.name, one.architecture, None) for one in settings.references),
        times=settings.finalists.longer,
        value_name=next((one.trial.measurement.value_name for one in measured if one.trial.measurement), "AP"),
    )


def paired(one: Contender, other: Contender) -> Estimate | None:
    """The mean difference in AP, one minus other, over common seeds; None without any."""
    return estimate([ap - other.by_seed[seed] for seed, ap in one.by_seed.items() if seed in other.by_seed])


def recorded_settings(run: Run) -> SearchSettings:
    """The settings of the last session as far as they concern checks; references are those that are measured."""
    config = _config(run)
    if "finalists" not in config:  # of an earlier version, or without a session
        return SearchSettings(samples=1)
    known: dict[str, Architecture] = {}
    for done in run.checks:
        if done.check.purpose is Purpose.REFERENCE:
            known[done.check.name] = done.check.architecture
    return SearchSettings(
        samples=config["samples"],
        seed=config["seed"],
        references=tuple(Reference(name, known[name]) for name in config["references"] if name in known),
        finalists=FinalistSettings(**config["finalists"]),
    )


def recommended_size(run: Run) -> int:
    """Side in pixels of the images for which the full-size detectors are counted."""
    return int(_config(run).get("recommend", {}).get("image_size", DEFAULT_SIZE))


def _config(run: Run) -> Mapping[str, Any]:
    return run.sessions[-1].config if run.sessions else {}


def _contender(
    name: str,
    architecture: Architecture,
    trial: TrialRecord | None,
    checks: Iterable[CheckRecord],
    cost: Costed | None,
) -> Contender:
    checks = tuple(checks)
    aps: dict[Purpose, dict[int, float]] = {purpose: {} for purpose in Purpose}
    for done in checks:
        if done.value is not None:
            aps[done.check.purpose][done.check.seed] = done.value
    own = trial.measurement.value if trial is not None and trial.measurement is not None else None
    final = aps[Purpose.FINAL]
    return Contender(
        name=name,
        architecture=architecture,
        ap=own if trial is not None else next(iter(aps[Purpose.REFERENCE].values()), None),
        longer=estimate([*(final or aps[Purpose.FINALIST]).values()]),
        final=bool(final),
        cost=cost,
        errors=tuple(done.error for done in checks if done.error is not None),
        by_seed=final,
    )
