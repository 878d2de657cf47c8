"""A proxy without training: how far an architecture agrees with a hidden target. For tests and timing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import search_spaces
from proxies.base import Measurement, Proxy
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.settings import at_least, integer, within


@dataclass(frozen=True)
class SyntheticProxy(Proxy):
    """Reports, in place of AP, the :func:`agreement` with a target drawn from the space.

    Attributes:
        space: kind or name of the target's space, or a mapping of ``kind`` and its settings.
        target_seed: which target is drawn, 0 or more.
        delay: seconds that an evaluation sleeps.
        noise: standard deviation of what is added to the agreement, drawn by architecture and evaluation seed; the sum
            is cut to [0, 1].
        fail_rate: share of the evaluations that fail, drawn likewise.

    Raises:
        ConfigError: a setting is out of range.
        SpaceError: a setting of the space is out of range.
    """

    space: str | Mapping[str, Any] = "spinenet"
    target_seed: int = 0
    delay: float = 0.0
    noise: float = 0.0
    fail_rate: float = 0.0

    def __post_init__(self) -> None:
        integer("target_seed", self.target_seed, 0)
        for name in ("delay", "noise"):
            at_least(name, getattr(self, name), 0)
        within("fail_rate", self.fail_rate, 0, 1)
        _ = self.target  # a space that cannot be built is said now

    @cached_property
    def target(self) -> Architecture:
        """The hidden architecture."""
        settings = {"kind": self.space} if isinstance(self.space, str) else dict(self.space)
        # A stream of its own: random search with the same seed would propose the target first of all.
        stream = np.random.SeedSequence(self.target_seed, spawn_key=(1,))
        return search_spaces.build(**settings).sample(np.random.default_rng(stream))

    def evaluate(self, architecture: Architecture, seed: int) -> Measurement:
        """Agreement, noise and failure depend on architecture, target and seed alone."""
        started = time.perf_counter()
        agreed = agreement(architecture, self.target)
        ap, failed = agreed, False
        if self.noise or self.fail_rate:
            rng = np.random.default_rng([seed, int(architecture.fingerprint, 16)])
            ap = float(np.clip(agreed + self.noise * rng.standard_normal(), 0.0, 1.0))
            failed = bool(rng.random() < self.fail_rate)
        if self.delay:
            time.sleep(self.delay)
        return Measurement(
            ap=None if failed else ap,
            metrics={"agreement": agreed},
            seconds={"evaluate": time.perf_counter() - started},
            error=f"a failure drawn at fail_rate {self.fail_rate}." if failed else None,
        )

    def has_detectors(self) -> bool:
        """It builds none."""
        return False

    def fingerprint(self) -> str:
        """Names the target."""
        return f"synthetic-{self.target.fingerprint}"


def agreement(architecture: Architecture, target: Architecture) -> float:
    """Mean over blocks of the same level (1 or 0), the same type (1 or 0) and the share of common parents, in [0, 1].

    Blocks are compared by position after the stem; a block that only one of the two has counts as 0.
    """
    pairs = zip(architecture.blocks, target.blocks)
    longest = max(len(architecture.blocks), len(target.blocks))
    return sum(_block_agreement(*pair) for pair in pairs) / longest if longest else 1.0


def _block_agreement(block: BlockSpec, target: BlockSpec) -> float:
    common = len(set(block.parents) & set(target.parents)) / max(len(block.parents), len(target.parents))
    return ((block.level == target.level) + (block.block_type == target.block_type) + common) / 3
