"""Small controllers, proxies and shortcuts for the tests of the engine."""

import hashlib
import os
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import search_spaces
from controllers.base import Controller, Proposal, Settings
from nas.engine import Search, SearchSettings, Store, TrialRecord, TrialState
from nas.engine.trial import trial_seed
from proxies.base import Budget, Measurement, Proxy
from search_spaces.errors import SpaceExhausted

SPACE = search_spaces.build("toy")
DECISIONS = SPACE.sample_decisions(np.random.default_rng(0))
ARCHITECTURE = SPACE.decode(DECISIONS)
IDENTITY = {"space": {"name": "toy"}, "controller": {"name": "test"}, "seed": 0}


@dataclass(frozen=True, slots=True)
class Unset(Settings):
    """There is nothing to set."""

    kind: ClassVar[str] = "test"


class Drifting(Controller):
    """Every proposal depends on all that was asked and told before, in order: a replay out of order shows."""

    def __init__(self, space=SPACE, seed: int = 0) -> None:
        super().__init__(space, seed, Unset())
        self.log: list[tuple[Any, ...]] = []

    def _propose(self):
        digest = hashlib.sha256(repr((self.seed, self.log)).encode()).digest()
        decisions = self.space.sample_decisions(np.random.default_rng(list(digest[:16])))
        self.log.append(("ask", decisions))
        return decisions, {}

    def _learn(self, proposal: Proposal, memory, reward: float | None) -> None:
        self.log.append(("tell", proposal.number, reward))


class Scripted(Controller):
    """Proposes the given sequences in turn, then has nothing new; what it was told is in ``told``."""

    def __init__(self, script, space=SPACE) -> None:
        super().__init__(space, 0, Unset())
        self.script = deque(script)
        self.told: dict[int, float | None] = {}

    def _propose(self):
        if not self.script:
            raise SpaceExhausted("the script is at its end.")
        return tuple(self.script.popleft()), {}

    def _learn(self, proposal: Proposal, memory, reward: float | None) -> None:
        self.told[proposal.number] = reward


@dataclass(frozen=True)
class Hashed(Proxy):
    """AP is a hash of the fingerprint; some evaluation seeds crash, raise or fail; every evaluation is logged.

    Attributes:
        log: file that gets the evaluation seed as a line for every evaluation; None for no log.
        crash, error, broken: evaluation seeds at which the process dies, an exception is raised, a measurement with an
            error comes back.
        delay: seconds an evaluation takes.
    """

    log: str | None = None
    crash: tuple[int, ...] = ()
    error: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    delay: float = 0.0

    def evaluate(self, architecture, seed: int) -> Measurement:
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{seed}\n")
        time.sleep(self.delay)
        if seed in self.crash:
            os._exit(1)
        if seed in self.error:
            raise OSError("the disk of the data set\nwent away")
        if seed in self.broken:
            return Measurement(ap=None, error="the loss is not finite at step 3.")
        return Measurement(ap=hashed_ap(architecture), seconds={"train": self.delay}, metrics={"AP50": 0.5})


@dataclass(frozen=True)
class Staged(Hashed):
    """One that trains for nine steps, of which a share of the AP comes after the same share of them.

    Attributes:
        steps_log: file that gets a line ``seed steps`` for every measurement; None for no log.
    """

    steps_log: str | None = None

    def training_steps(self) -> int:
        return 9

    def stages(self, architecture, seed: int, rungs):
        rewards: dict[int, float] = {}
        for steps in (*rungs, 9):
            whole = self.evaluate(architecture, seed)
            if self.steps_log:
                with open(self.steps_log, "a") as log:
                    log.write(f"{seed} {steps}\n")
            if whole.ap is None:
                yield whole
                return
            ap = whole.ap * steps / 9
            if steps < 9:
                rewards[steps] = ap
            yield replace(whole, ap=ap, budget=Budget(steps=steps), rungs=dict(rewards))


@dataclass(frozen=True)
class Scored(Proxy):
    """A filter whose score is one of the given ones, by evaluation seed; ``log`` is as in :class:`Hashed`."""

    scores: tuple[tuple[int, float], ...]
    log: str | None = None

    def evaluate(self, architecture, seed: int) -> Measurement:
        if self.log:
            with open(self.log, "a") as log:
                log.write(f"{seed}\n")
        return Measurement(ap=dict(self.scores)[seed], params=7)


def scored(*scores: float, log: str | None = None) -> Scored:
    """A filter that gives trials 0, 1, ... of a search with seed 0 these scores."""
    return Scored(tuple((trial_seed(0, number), score) for number, score in enumerate(scores)), log)


def hashed_ap(architecture) -> float:
    return int(architecture.fingerprint, 16) / 16**16


def no_proxy() -> Proxy:
    raise FileNotFoundError("the data set is not on this machine")


def distinct(count: int, seed: int = 0, space=SPACE) -> list[tuple[int, ...]]:
    """Sequences of that many different architectures."""
    rng = np.random.default_rng(seed)
    found: dict[str, tuple[int, ...]] = {}
    while len(found) < count:
        decisions = space.sample_decisions(rng)
        found.setdefault(space.decode(decisions).fingerprint, decisions)
    return list(found.values())


def record_of(number: int, state: TrialState, ap: float | None = None, **changed: Any) -> TrialRecord:
    """A record in that state with all that the state asks for; ``changed`` are fields."""
    ended = state is not TrialState.RUNNING
    evaluated = state not in (TrialState.RUNNING, TrialState.INFEASIBLE, TrialState.DUPLICATE)
    measured = state in (TrialState.COMPLETE, TrialState.STOPPED, TrialState.FILTERED)
    unfinished = state not in (TrialState.RUNNING, TrialState.COMPLETE, TrialState.DUPLICATE)
    architecture = None if state is TrialState.INFEASIBLE else ARCHITECTURE
    fields = {
        "number": number,
        "state": state,
        "decisions": DECISIONS,
        "architecture": architecture,
        "fingerprint": architecture.fingerprint if architecture else "",
        "seed": 0,
        "session": 0,
        "started": 100.0 + number,
        "finished": 110.0 + number if ended else None,
        "reward": ap,
        "measurement": Measurement(ap=ap) if measured else None,
        "error": "it failed." if unfinished else None,
        "attempts": int(evaluated),
    }
    return TrialRecord(**{**fields, **changed})


def open_store(folder: Path, **changed: Any) -> Store:
    """The record in ``folder``, created or opened."""
    begin = Store.open if (folder / "record.db").exists() else Store.create
    return begin(folder, {**IDENTITY, **changed}, {"samples": 5}, {"commit": "abc"})


def start(folder: Path, controller: Controller | None = None, samples: int = 10, **settings: Any) -> Search:
    """A search on the record in ``folder``, created or opened."""
    store = open_store(folder)
    try:
        return Search(controller or Drifting(), store, SearchSettings(samples=samples, **settings))
    except BaseException:
        store.close()
        raise


def end(search: Search) -> None:
    """As when the process ends."""
    search._store.close()


def decisions_of(trials) -> list[tuple[int, ...]]:
    return [trial.decisions for trial in trials]


def states_of(trials) -> list[TrialState]:
    return [trial.state for trial in trials]
