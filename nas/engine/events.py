"""The events of a search, as frozen values; the record is their sequence.

Each has the form in which :mod:`nas.engine.rows` writes it, a dictionary whose keys come in a fixed order, and is read
back from it. Records that earlier versions wrote must open, so a key may be added but none renamed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.engine.check import Checked
from nas.engine.costs import Costed
from nas.engine.trial import TrialState
from proxies.base import Measurement
from search_spaces.architecture import Architecture
from search_spaces.decisions import Decisions
from search_spaces.errors import NasError, RecordError
from search_spaces.settings import integer

Json = Mapping[str, Any]
"""A dictionary of values that JSON has a form for."""


@dataclass(frozen=True, slots=True)
class SessionBegun:
    """The command was started on the run folder.

    Attributes:
        started: in Unix seconds.
        identity: what makes the search this one; equal in all sessions of a run.
        config: the resolved configuration.
        provenance: commit, versions, device, fingerprint of the data set.
    """

    started: float
    identity: Json
    config: Json
    provenance: Json

    @classmethod
    def now(cls, identity: Json, config: Json, provenance: Json) -> SessionBegun:
        """A session that begins now; values that JSON has no form for become their text."""
        return cls(time.time(), plain(identity), plain(config), plain(provenance))

    def to_json(self) -> dict[str, Any]:
        """The form in the record."""
        return {
            "kind": "session",
            "started": self.started,
            "identity": self.identity,
            "config": self.config,
            "provenance": self.provenance,
        }

    @classmethod
    def from_json(cls, data: Json) -> SessionBegun:
        """Read back what :meth:`to_json` gave."""
        return cls(data["started"], dict(data["identity"]), dict(data["config"]), dict(data["provenance"]))


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The command has done all that it does: results, costs and the report.

    Attributes:
        time: in Unix seconds.
    """

    time: float

    def to_json(self) -> dict[str, Any]:
        """The form in the record."""
        return {"kind": "ended", "time": self.time}

    @classmethod
    def from_json(cls, data: Json) -> SessionEnded:
        """Read back what :meth:`to_json` gave."""
        return cls(float(data["time"]))


@dataclass(frozen=True, slots=True)
class Proposed:
    """The controller made a proposal.

    Attributes:
        number: of the proposal and of its trial.
        decisions: what was proposed.
        architecture: what they decode to; None when they decode to nothing valid.
        fingerprint: that of the architecture; empty without one.
        seed: seed of its evaluation.
        time: in Unix seconds.
        error: why there is no architecture, or why it must not be trained, as a sentence.
    """

    number: int
    decisions: Decisions
    architecture: Architecture | None
    fingerprint: str
    seed: int
    time: float
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in the record."""
        return {
            "kind": "proposed",
            "number": self.number,
            "decisions": list(self.decisions),
            "architecture": None if self.architecture is None else self.architecture.to_dict(),
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "time": self.time,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, data: Json) -> Proposed:
        """Read back what :meth:`to_json` gave."""
        return cls(
            number=_number(data),
            decisions=tuple(data["decisions"]),
            architecture=None if data["architecture"] is None else Architecture.from_dict(data["architecture"]),
            fingerprint=data["fingerprint"],
            seed=data["seed"],
            time=data["time"],
            error=data["error"],
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """A proposal was answered; the attributes are those of :class:`nas.engine.trial.TrialRecord`."""

    number: int
    state: TrialState
    reward: float | None
    measurement: Measurement | None
    error: str | None
    started: float | None
    finished: float
    attempts: int
    controller_metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form in the record; ``controller_metrics`` are written only where there are any."""
        return {
            "kind": "finished",
            "number": self.number,
            "state": self.state.value,
            "reward": self.reward,
            "measurement": None if self.measurement is None else self.measurement.to_dict(),
            "error": self.error,
            "started": self.started,
            "finished": self.finished,
            "attempts": self.attempts,
            **({"controller_metrics": dict(self.controller_metrics)} if self.controller_metrics else {}),
        }

    @classmethod
    def from_json(cls, data: Json) -> Finished:
        """Read back what :meth:`to_json` gave."""
        return cls(
            number=_number(data),
            state=TrialState(data["state"]),
            reward=data["reward"],
            measurement=None if data["measurement"] is None else Measurement.from_dict(data["measurement"]),
            error=data["error"],
            started=data["started"],
            finished=data["finished"],
            attempts=data["attempts"],
            controller_metrics=dict(data.get("controller_metrics", {})),
        )


Event = SessionBegun | SessionEnded | Proposed | Finished | Checked | Costed

_KINDS: dict[
    str, type[SessionBegun] | type[SessionEnded] | type[Proposed] | type[Finished] | type[Checked] | type[Costed]
] = {
    "session": SessionBegun,
    "ended": SessionEnded,
    "proposed": Proposed,
    "finished": Finished,
    "checked": Checked,
    "costed": Costed,
}


def event_from_json(data: Json) -> Event:
    """The event whose form in the record is ``data``.

    Raises:
        RecordError: its kind is unknown, or something of it is missing or malformed.
    """
    kind = data.get("kind")
    event_type = _KINDS.get(str(kind))
    if event_type is None:
        raise RecordError(f"an event has kind {kind!r}; it must be one of {', '.join(_KINDS)}.")
    where = f"event {kind} of trial {data['number']!r}" if "number" in data else f"event {kind}"
    try:
        return event_type.from_json(data)
    except KeyError as error:
        raise RecordError(f"{where} has no {error}.") from None
    except (AttributeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, NasError) else f"{type(error).__name__}: {error}"
        raise RecordError(f"{where} is malformed: {reason}") from None


def plain(values: Json) -> dict[str, Any]:
    """A copy in which everything is what JSON gives back; values that it has no form for become their text."""
    return dict(json.loads(json.dumps(dict(values), default=str)))


def _number(data: Json) -> int:
    integer("number", number := data["number"])
    return int(number)
