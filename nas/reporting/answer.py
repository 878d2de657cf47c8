"""What the end of a search says: the winner, beside the references. From the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nas.engine.check import Check, CheckRecord, Purpose
from nas.engine.costs import Costed
from nas.engine.finalists import choose_winner, final_checks, finalists, wanted_checks
from nas.engine.record import Run
from nas.engine.recorded import recorded_settings
from nas.engine.trial import TrialRecord
from nas.reporting.summary import Sample, best_sample, samples
from nas.statistics import Interval, mean_interval
from proxies.reward import IMAGE_SIZE
from search_spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Measured:
    """One quantity of a contender: its AP, or the score that stands in its place, or its reward.

    Attributes:
        as_trial: at the budget of a trial; None where that failed or is not there yet.
        longer: with the longer training: of the final checks where there are any, else of the finalist's.
        by_seed: seed of a longer training, a finalist's or a final one -> what it gave.
    """

    as_trial: float | None
    longer: Interval | None
    by_seed: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Contender:
    """A finalist, the winner or a reference, with what was measured of it.

    Attributes:
        name: of the reference, or ``trial 12``.
        architecture: what was measured.
        ap: its AP, or the score in its place.
        reward: what a controller was told of it, or would have been.
        final: whether what is longer comes from seeds that have chosen nothing.
        cost: of the full-size detector; None where it was not counted.
        errors: why a check has no result.
    """

    name: str
    architecture: Architecture
    ap: Measured
    reward: Measured
    final: bool
    cost: Costed | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a search, as far as it is recorded.

    Attributes:
        best: the winner where the finalists have chosen one, else the sample with the highest reward; None without any.
        winner: the same with its checks; None while the finalists have not chosen.
        finalists: the best first, as trials.
        references: in the order of the settings.
        times: how many times as long as a trial's the longer training is; 1 where the proxy trains nothing.
        value_name: ``AP``, or what the score is called that stands in its place.
        by_reward: whether the reward, by which all is chosen, is something else.
    """

    best: Sample | None
    winner: Contender | None
    finalists: tuple[Contender, ...]
    references: tuple[Contender, ...]
    times: float
    value_name: str
    by_reward: bool = False

    @property
    def chosen_name(self) -> str:
        """What all is chosen by."""
        return "reward" if self.by_reward else self.value_name

    def chosen(self, contender: Contender) -> Measured:
        """What a contender is chosen by."""
        return contender.reward if self.by_reward else contender.ap

    def difference(self, reference: Contender) -> Interval | None:
        """Winner minus reference in what all is chosen by, over the seeds that both were trained with."""
        return None if self.winner is None else paired(self.chosen(self.winner), self.chosen(reference))

    def difference_in_ap(self, reference: Contender) -> Interval | None:
        """The same in AP, or in the score in its place."""
        return None if self.winner is None else paired(self.winner.ap, reference.ap)


def answer(run: Run) -> Answer:
    """All of :class:`Answer`; a run without sessions, trials or checks is fine."""
    settings = recorded_settings(run)
    size = recommended_size(run)
    chosen = finalists(settings, run.trials)
    winner = choose_winner(settings, run.trials, run.checks)
    keys = {check.key for check in (*wanted_checks(settings, run.trials, run.checks), *final_checks(settings, None))}
    made = [done for done in run.checks if done.check.key in keys]
    by_architecture: dict[str, list[CheckRecord]] = {}
    for done in made:
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
        times=max((done.trainings for done in made), default=1.0),
        value_name=next((one.trial.measurement.value_name for one in measured if one.trial.measurement), "AP"),
        by_reward=_config(run).get("reward", {}).get("cost") is not None,
    )


def paired(one: Measured, other: Measured) -> Interval | None:
    """The mean difference, one minus other, over common seeds; None without any."""
    return mean_interval([value - other.by_seed[seed] for seed, value in one.by_seed.items() if seed in other.by_seed])


def longer_words(times: float) -> str:
    """How finalists' trainings differ from a trial's, ``"1.5 times the training"``; at least by their seeds."""
    return f"{times:g} times the training" if times > 1 else "other seeds"


def recommended_size(run: Run) -> int:
    """Side in pixels of the images for which the full-size detectors are counted."""
    return int(_config(run).get("recommend", {}).get("image_size", IMAGE_SIZE))


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
    own = trial.measurement.value if trial is not None and trial.measurement is not None else None
    reward = trial.reward if trial is not None else None
    return Contender(
        name=name,
        architecture=architecture,
        ap=_measured(own, [(done.check, done.value) for done in checks]),
        reward=_measured(reward, [(done.check, done.reward) for done in checks]),
        final=any(done.check.purpose is Purpose.FINAL and done.value is not None for done in checks),
        cost=cost,
        errors=tuple(done.error for done in checks if done.error is not None),
    )


def _measured(as_trial: float | None, checks: Iterable[tuple[Check, float | None]]) -> Measured:
    """``as_trial`` is that of a trial; a reference has a check in its place."""
    values: dict[Purpose, dict[int, float]] = {purpose: {} for purpose in Purpose}
    for check, value in checks:
        if value is not None:
            values[check.purpose][check.seed] = value
    final, chose = values[Purpose.FINAL], values[Purpose.FINALIST]
    if as_trial is None:
        as_trial = next(iter(values[Purpose.REFERENCE].values()), None)
    return Measured(as_trial, mean_interval([*(final or chose).values()]), {**chose, **final})
