"""A check: an evaluation that the controller neither proposed nor is told of, so that a result can be judged.

A reference is a known architecture, measured as every trial is. A finalist is one of the best trials, trained again and
longer, and the best of them is the winner. Final checks give the winner and the references fresh seeds, which have
chosen nothing: their mean is free of the luck of the maximum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from types import NoneType
from typing import Any

import numpy as np

from proxies.base import Measurement
from search_spaces.architecture import Architecture
from search_spaces.errors import RecordError
from search_spaces.settings import SettingError, at_least, integer, of_type

Key = tuple[str, str, int, float]
"""What tells checks apart: purpose, fingerprint, seed, length."""


class Purpose(StrEnum):
    """What a check is for."""

    REFERENCE = auto()
    """A known architecture beside the trials, at their budget."""
    FINALIST = auto()
    """One of the best trials, trained longer: the best of them is the winner."""
    FINAL = auto()
    """The winner or a reference, trained longer with seeds that have chosen nothing."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A known architecture that a search is compared with.

    Attributes:
        name: as the user gave it, a published name or a file.
        architecture: what it stands for.
    """

    name: str
    architecture: Architecture


@dataclass(frozen=True, slots=True)
class Check:
    """What a worker needs to evaluate one check.

    Attributes:
        purpose: what it is for.
        name: of the reference, or ``trial 12``.
        architecture: what is evaluated.
        seed: seed of the evaluation.
        longer: how many times as long as a trial's the training is.
        attempt: 1, or more when earlier attempts of this session lost their worker.

    Raises:
        RecordError: a value has the wrong type or is out of range.
    """

    purpose: Purpose
    name: str
    architecture: Architecture
    seed: int
    longer: float = 1.0
    attempt: int = 1

    def __post_init__(self) -> None:
        try:
            of_type("name", self.name, str)
            integer("seed", self.seed, 0)
            at_least("longer", self.longer, 1)
            integer("attempt", self.attempt, 1)
        except SettingError as error:
            raise RecordError(f"check of {self.name}: {error}") from None

    @property
    def key(self) -> Key:
        """Checks of one key are the same evaluation."""
        return self.purpose.value, self.architecture.fingerprint, self.seed, float(self.longer)


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A check and what it gave: a measurement with its reward, or an error.

    Attributes:
        check: what was evaluated; its ``attempt`` is how often it was begun.
        session: index of the session that recorded it.
        reward: what a controller would have been told; None for a check without a result.
        measurement: what the proxy measured; None when the worker was lost.
        error: why there is no result, as a sentence.
        started, finished: in Unix seconds.

    Raises:
        RecordError: it has both a reward and an error or neither, or a reward without an AP or score.
    """

    check: Check
    session: int
    reward: float | None
    measurement: Measurement | None
    error: str | None
    started: float
    finished: float

    def __post_init__(self) -> None:
        where = f"{self.check.purpose} check of {self.check.name}"
        try:
            of_type("reward", self.reward, float, NoneType)
        except SettingError as error:
            raise RecordError(f"{where}: {error}") from None
        if (self.reward is None) is (self.error is None):
            found = "none" if self.error is None else "both"
            raise RecordError(f"{where} must have either a reward or an error; it has {found}.")
        if self.reward is not None and self.value is None:
            raise RecordError(f"{where} has a reward and no AP or score.")

    @property
    def trainings(self) -> float:
        """How much it was, in trainings of a trial's length; one where the proxy trains nothing."""
        trained = self.measurement is None or self.measurement.budget.steps > 0
        return self.check.longer if trained else 1.0

    @property
    def value(self) -> float | None:
        """The AP that was measured, or the score in its place; None for a check without a result."""
        return self.measurement.value if self.measurement is not None and self.error is None else None


@dataclass(frozen=True, slots=True)
class Checked:
    """The event that a check was done; the attributes are those of :class:`CheckRecord`."""

    check: Check
    reward: float | None
    measurement: Measurement | None
    error: str | None
    started: float
    finished: float

    def to_json(self) -> dict[str, Any]:
        """The form in the record."""
        check = self.check
        return {
            "kind": "checked",
            "purpose": check.purpose.value,
            "name": check.name,
            "architecture": check.architecture.to_dict(),
            "fingerprint": check.architecture.fingerprint,
            "seed": check.seed,
            "longer": check.longer,
            "reward": self.reward,
            "measurement": None if self.measurement is None else self.measurement.to_dict(),
            "error": self.error,
            "started": self.started,
            "finished": self.finished,
            "attempts": check.attempt,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Checked:
        """Read back what :meth:`to_json` gave."""
        architecture = Architecture.from_dict(data["architecture"])
        if data["fingerprint"] != architecture.fingerprint:
            raise ValueError(f"fingerprint {data['fingerprint']!r} is not that of its architecture.")
        purpose = Purpose(data["purpose"])
        return cls(
            check=Check(purpose, data["name"], architecture, data["seed"], data["longer"], data["attempts"]),
            reward=data["reward"],
            measurement=None if data["measurement"] is None else Measurement.from_dict(data["measurement"]),
            error=data["error"],
            started=data["started"],
            finished=data["finished"],
        )


_STREAMS = {Purpose.REFERENCE: 0, Purpose.FINALIST: 1, Purpose.FINAL: 2}


def check_seed(search_seed: int, purpose: Purpose, repeat: int) -> int:
    """The seed of the ``repeat``-th check (0, 1, ...) of a purpose, the same for all architectures: they are paired.

    32 bits from the seed of the search; the spawn key has two numbers where a trial's has one, so none is a trial's.
    """
    sequence = np.random.SeedSequence(search_seed, spawn_key=(_STREAMS[purpose], repeat))
    return int(sequence.generate_state(1)[0])
