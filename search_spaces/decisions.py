"""One choice point of a search space, as any controller sees it."""

from __future__ import annotations

from dataclasses import dataclass

Decisions = tuple[int, ...]
"""A recorded sequence: for each choice point in turn, the index of the chosen entry of ``Decision.choices``."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One masked categorical choice.

    Attributes:
        name: unique within a sequence, for example ``"block3.parent1"``.
        kind: the family of choices; decisions of one kind have the same number of choices.
        choices: what the indices mean.
        completions: for every choice, a number proportional to how many complete sequences follow from it. 0 forbids
            the choice. Sampling with these weights is uniform over the space.
    """

    name: str
    kind: str
    choices: tuple[int | str, ...]
    completions: tuple[int, ...]

    @property
    def mask(self) -> tuple[bool, ...]:
        """True where the choice is allowed after this prefix."""
        return tuple(count > 0 for count in self.completions)
