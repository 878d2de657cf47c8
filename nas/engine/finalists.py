"""Which checks a search needs, and which trial is its winner: functions of its settings and of what is recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil

from nas.engine.check import Check, CheckRecord, Purpose, check_seed
from nas.engine.settings import SearchSettings
from nas.engine.trial import EVALUATED, TrialRecord, TrialState
from search_spaces.architecture import Architecture

FEWEST, SHARE = 3, 7
"""Finalists where ``count`` is null: a seventh of the samples, and at least three."""


def reference_checks(settings: SearchSettings) -> list[Check]:
    """Every reference once, at the budget of a trial."""
    seed = check_seed(settings.seed, Purpose.REFERENCE, 0)
    return [Check(Purpose.REFERENCE, one.name, one.architecture, seed) for one in settings.references]


def finalist_count(settings: SearchSettings) -> int:
    """How many of the trials become finalists, if as many are complete."""
    count = settings.finalists.count
    return min(settings.samples, max(FEWEST, ceil(settings.samples / SHARE))) if count is None else count


def finalists(settings: SearchSettings, trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The best complete trials by reward, the best first; of equal ones, the earlier."""
    complete = (trial for trial in trials if trial.state is TrialState.COMPLETE)
    ranked = sorted(complete, key=lambda trial: (-(trial.reward or 0.0), trial.number))
    return ranked[: finalist_count(settings)]


def finalist_checks(settings: SearchSettings, chosen: Iterable[TrialRecord]) -> list[Check]:
    """Each finalist with each of the ``seeds`` of the finalists."""
    return _repeated(settings, Purpose.FINALIST, [_named(trial) for trial in chosen], settings.finalists.seeds)


def final_checks(settings: SearchSettings, winner: TrialRecord | None) -> list[Check]:
    """The references and, when it is known, the winner, with each of the ``winner_seeds``."""
    if not finalist_count(settings):
        return []
    of_references = [(one.name, one.architecture) for one in settings.references]
    of_winner = [] if winner is None else [_named(winner)]
    return _repeated(settings, Purpose.FINAL, of_references + of_winner, settings.finalists.winner_seeds)


def wanted_checks(
    settings: SearchSettings, trials: Sequence[TrialRecord], checks: Sequence[CheckRecord]
) -> list[Check]:
    """All checks of a search whose trials are over, as far as its finalists have chosen, in order."""
    chosen = finalist_checks(settings, finalists(settings, trials))
    finals = final_checks(settings, choose_winner(settings, trials, checks)) if chosen else []
    return [*reference_checks(settings), *chosen, *finals]


def choose_winner(
    settings: SearchSettings, trials: Iterable[TrialRecord], checks: Sequence[CheckRecord]
) -> TrialRecord | None:
    """The finalist whose checks have the highest mean reward; of equal ones, the one that was better as a trial.

    Returns:
        None when a finalist's check is not recorded yet, when none of them has a result, or without finalists.
    """
    chosen = finalists(settings, trials)
    wanted = {check.key for check in finalist_checks(settings, chosen)}
    rewards: dict[str, list[float]] = defaultdict(list)
    for done in checks:
        if done.check.key in wanted and done.reward is not None:
            rewards[done.check.architecture.fingerprint].append(done.reward)
    if not rewards or wanted - {done.check.key for done in checks}:
        return None
    means = {fingerprint: sum(values) / len(values) for fingerprint, values in rewards.items()}
    best = max(means.values())
    return next(trial for trial in chosen if means.get(trial.fingerprint) == best)


def planned(settings: SearchSettings, trials: Sequence[TrialRecord] = (), over: bool = False) -> dict[Purpose, int]:
    """How many checks of each purpose a search makes, if all trials to come are complete.

    Args:
        settings: how many finalists are wanted, how often they are trained, and beside which references.
        trials: those that are recorded; one without a result becomes no finalist.
        over: whether no further trial comes.
    """
    possible = sum(trial.state is TrialState.COMPLETE for trial in trials)
    possible += 0 if over else samples_left(settings, trials)
    ends, references = min(finalist_count(settings), possible), len(settings.references)
    return {
        Purpose.REFERENCE: references,
        Purpose.FINALIST: ends * settings.finalists.seeds,
        Purpose.FINAL: (references + 1) * settings.finalists.winner_seeds if ends else 0,
    }


def samples_left(settings: SearchSettings, trials: Iterable[TrialRecord]) -> int:
    """How many samples are still to be evaluated."""
    return max(0, settings.samples - sum(trial.state in EVALUATED for trial in trials))


def training_left(
    settings: SearchSettings,
    trials: Sequence[TrialRecord] = (),
    checks: Sequence[CheckRecord] = (),
    over: bool = False,
) -> float:
    """What is still to be trained, in trainings of a trial's length; the arguments are those of :func:`planned`."""
    left = 0.0 if over else float(samples_left(settings, trials))
    for purpose, count in planned(settings, trials, over).items():
        longer = 1.0 if purpose is Purpose.REFERENCE else settings.finalists.longer
        done = sum(one.check.purpose is purpose and one.check.longer == longer for one in checks)
        left += longer * max(0, count - done)
    return left


def _named(trial: TrialRecord) -> tuple[str, Architecture]:
    assert trial.architecture is not None
    return f"trial {trial.number}", trial.architecture


def _repeated(
    settings: SearchSettings, purpose: Purpose, named: Sequence[tuple[str, Architecture]], count: int
) -> list[Check]:
    """Seed by seed, so that all architectures have one result before any has two."""
    return [
        Check(purpose, name, architecture, check_seed(settings.seed, purpose, repeat), settings.finalists.longer)
        for repeat in range(count)
        for name, architecture in named
    ]
