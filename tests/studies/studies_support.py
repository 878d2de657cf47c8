"""Audits without training: proxies that give what a table says, architectures of a small space."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

import search_spaces
from nas.studies.audit import Candidate, Fidelity
from proxies.base import Measurement, Proxy


@dataclass
class TableProxy(Proxy):
    """AP = table[fingerprint] + step * seed; an architecture that is not in the table fails."""

    table: dict[str, float]
    step: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)

    def evaluate(self, architecture, seed):
        if architecture.fingerprint not in self.table:
            return Measurement(None, error="the loss was not finite")
        ap = self.table[architecture.fingerprint] + self.step * seed
        return Measurement(ap, {"ap": ap, **self.metrics}, params=len(architecture.nodes), multiply_adds=7)


@dataclass
class DeadlyProxy(Proxy):
    """Ends its process, or raises."""

    code: int | None = None

    def evaluate(self, architecture, seed):
        import os

        if self.code is None:
            raise RuntimeError("the device has failed\nat some place")
        os._exit(self.code)


def some_candidates(count: int = 5, published: tuple[str, ...] = ()) -> list[Candidate]:
    space = search_spaces.build("spinenet")
    drawn = [space.sample(np.random.default_rng(number)) for number in range(count)]
    named = {place: (name, 40.0 - place) for place, name in enumerate(published)}
    return [
        Candidate(named[place][0], one, named[place][1]) if place in named else Candidate(f"random-{place}", one)
        for place, one in enumerate(drawn)
    ]


def table_fidelity(name: str, candidates: list[Candidate], values: list[float], **settings) -> Fidelity:
    table = {one.architecture.fingerprint: value for one, value in zip(candidates, values)}
    return Fidelity(name, partial(TableProxy, table, **settings), {"values": values, **settings})
