"""A trial: what a worker is given to evaluate, the states that it goes through, and its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from types import NoneType

import numpy as np

from proxies.base import Measurement
from search_spaces.architecture import Architecture
from search_spaces.decisions import Decisions
from search_spaces.errors import RecordError
from search_spaces.settings import SettingError, as_yaml, integer, of_type


class TrialState(StrEnum):
    """What became of a proposal."""

    RUNNING = auto()
    """Proposed and not answered yet."""
    COMPLETE = auto()
    """Evaluated; has a reward and a measurement."""
    FAILED = auto()
    """Evaluated without a result; ``error`` says why."""
    INFEASIBLE = auto()
    """The decisions give no valid architecture, or one that costs more than is allowed; nothing was evaluated."""
    DUPLICATE = auto()
    """The architecture was known; answered from the record and not evaluated again."""
    STOPPED = auto()
    """Trained less than the others, since others were better at the same step; its reward is of lower fidelity."""
    FILTERED = auto()
    """Not trained: its score in the filter before training was not among the best."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker needs to evaluate one architecture.

    Attributes:
        number: the number of the trial in the record.
        decisions: decode to the architecture.
        architecture: what is evaluated.
        seed: seed of the evaluation.
        attempt: 1, or more when earlier attempts of this session lost their worker.
        threshold: the score in the filter before training from which on it is trained; None trains it in any case.
        among: how many scores that compares, its own included; 0 without a filter.
    """

    number: int
    decisions: Decisions
    architecture: Architecture
    seed: int
    attempt: int = 1
    threshold: float | None = None
    among: int = 0

    @property
    def longer(self) -> float:
        """How many times as long as a trial's the training is, as a check says it too."""
        return 1.0


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One proposal and its answer.

    Attributes:
        number: 0, 1, 2, ... in the order of proposal.
        state: see :class:`TrialState`.
        decisions: what the controller proposed.
        architecture: what they decode to; None when they decode to nothing valid. An infeasible one that has an
            architecture costs more than is allowed.
        fingerprint: that of the architecture; empty without one.
        seed: seed of its evaluation.
        session: index of the session that answered it, or that proposed it while it is running.
        started: when a worker began it (until it is answered: when it was proposed), in Unix seconds.
        finished: when its answer was recorded, in Unix seconds; None while it is running.
        reward: what the controller was told; None for no reward. That of a STOPPED trial is of lower fidelity: the
            controller was told None.
        measurement: what the proxy measured; None for trials that were not evaluated or lost their worker.
        error: why there is no result, or none of a whole evaluation, as a sentence.
        attempts: how often it was begun, retries included; 0 for trials that are running or were not evaluated.
        controller_metrics: the metrics of the controller after it was told, where that changed them; else empty.

    Raises:
        RecordError: the values contradict each other or are out of range.
    """

    number: int
    state: TrialState
    decisions: Decisions
    architecture: Architecture | None
    fingerprint: str
    seed: int
    session: int
    started: float | None = None
    finished: float | None = None
    reward: float | None = None
    measurement: Measurement | None = None
    error: str | None = None
    attempts: int = 0
    controller_metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            _check_values(self)
        except SettingError as error:
            raise RecordError(f"trial {as_yaml(self.number)}: {error}") from None
        for problem in _contradictions(self):
            raise RecordError(f"trial {self.number} {problem}")


_GIVEN: dict[TrialState, dict[str, bool]] = {
    TrialState.RUNNING: {"reward": False, "measurement": False, "finished": False},
    TrialState.COMPLETE: {
        "architecture": True,
        "reward": True,
        "measurement": True,
        "error": False,
        "finished": True,
    },
    TrialState.FAILED: {"architecture": True, "error": True, "finished": True},
    TrialState.INFEASIBLE: {"measurement": False, "error": True, "finished": True},
    TrialState.DUPLICATE: {"architecture": True, "measurement": False, "finished": True},
    TrialState.STOPPED: {"architecture": True, "reward": True, "measurement": True, "error": True, "finished": True},
    TrialState.FILTERED: {"architecture": True, "reward": False, "measurement": True, "error": True, "finished": True},
}
"""State -> which fields must be given (True) and which must not (False); the others may be."""
EVALUATED = (TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED)
"""States of the trials that count as samples: a proxy has evaluated the architecture, to its end or not."""
_BEGUN = (*EVALUATED, TrialState.FILTERED)


def _check_values(record: TrialRecord) -> None:
    for name in ("number", "seed", "session", "attempts"):
        integer(name, getattr(record, name), 0)
    for name in ("started", "finished", "reward"):
        of_type(name, getattr(record, name), float, NoneType)


def _contradictions(record: TrialRecord) -> Iterator[str]:
    """Where the values contradict each other; each completes a sentence that begins with ``trial 3``."""
    for name, given in _GIVEN[record.state].items():
        if (getattr(record, name) is not None) is not given:
            must, found = ("be given", "missing") if given else ("not be given", "there")
            yield f"is {record.state}, so {name!r} must {must}; it is {found}."
    if bool(record.fingerprint) is (record.architecture is None):
        yield f"has fingerprint {record.fingerprint!r}; it must be empty without an architecture, and only then."
    if (record.attempts > 0) is not (record.state in _BEGUN):
        must = "1 or more" if record.state in _BEGUN else "0"
        yield f"is {record.state} and has attempts {record.attempts}; it must be {must}."
    if record.controller_metrics and record.state is TrialState.RUNNING:
        yield "is running, so it can have no controller_metrics yet."


def trial_seed(search_seed: int, number: int) -> int:
    """The seed of a trial's evaluation: 32 bits from the seed of the search and the number of the trial."""
    return int(np.random.SeedSequence(search_seed, spawn_key=(number,)).generate_state(1)[0])
