"""What every search space offers: a sequence of decisions, and the way from it to an architecture and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from search_spaces.architecture import Architecture
from search_spaces.decisions import Decision, Decisions
from search_spaces.errors import SpaceError


class SearchSpace(ABC):
    """A finite set of decision sequences, each of which decodes to an architecture.

    Attributes:
        name: what configurations and records call the space.
    """

    name: str

    @abstractmethod
    def next_decision(self, prefix: Sequence[int]) -> Decision | None:
        """The choice point after ``prefix`` (chosen indices so far), or None when the sequence is complete."""

    @abstractmethod
    def decode(self, decisions: Sequence[int]) -> Architecture:
        """The architecture of a complete sequence.

        Raises:
            SpaceError: the sequence is too short, too long, or takes a forbidden choice.
        """

    @abstractmethod
    def encode(self, architecture: Architecture) -> Decisions:
        """A sequence that decodes to the architecture; parents are in ascending order.

        Raises:
            SpaceError: the architecture is not in the space; the sentence names the block and the rule.
        """

    @abstractmethod
    def size(self) -> int:
        """The exact number of distinct complete decision sequences."""

    @abstractmethod
    def size_factors(self) -> dict[str, int]:
        """Named factors whose product is :meth:`size`."""

    def paper_size(self) -> int | None:
        """The size that the space's paper gives, by its own formula; None where no paper gives one."""
        return None

    @property
    @abstractmethod
    def slots(self) -> tuple[tuple[str, str, int], ...]:
        """(name, kind, number of choices) of every choice point, in order. They are the same for every sequence."""

    def contains(self, architecture: Architecture) -> bool:
        """Whether some decision sequence decodes to the architecture."""
        try:
            self.encode(architecture)
        except SpaceError:
            return False
        return True

    def sample_decisions(self, rng: np.random.Generator) -> Decisions:
        """A sequence drawn uniformly from all sequences of the space."""
        prefix: list[int] = []
        while (decision := self.next_decision(prefix)) is not None:
            running = list(accumulate(decision.completions))
            prefix.append(bisect_right(running, rng.random() * running[-1]))
        return tuple(prefix)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """The architecture of :meth:`sample_decisions`."""
        return self.decode(self.sample_decisions(rng))

    def enumerate_decisions(self, prefix: Decisions = ()) -> Iterator[Decisions]:
        """Every complete sequence that starts with ``prefix``. Only small spaces can be enumerated."""
        decision = self.next_decision(prefix)
        if decision is None:
            yield prefix
            return
        for index, allowed in enumerate(decision.mask):
            if allowed:
                yield from self.enumerate_decisions((*prefix, index))

    def check_decisions(self, decisions: Sequence[int]) -> None:
        """Check that the sequence is complete and takes allowed choices only.

        Raises:
            SpaceError: it is not; the sentence names the choice point.
        """
        for at, index in enumerate(decisions):
            decision = self.next_decision(decisions[:at])
            if decision is None:
                raise SpaceError(
                    f"space {self.name}: {len(decisions)} decisions were given; the sequence ends after {at}."
                )
            if not 0 <= index < len(decision.choices) or not decision.completions[index]:
                allowed = [choice for choice, count in enumerate(decision.completions) if count]
                raise SpaceError(
                    f"space {self.name}: decision {at} ({decision.name}) is {index}; allowed here: {allowed}."
                )
        if (missing := self.next_decision(decisions)) is not None:
            raise SpaceError(f"space {self.name}: the sequence ends before {missing.name} (decision {len(decisions)}).")
