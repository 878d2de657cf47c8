"""What the settings of data sets that people have in files share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from nas.datasets.annotated import AnnotatedFiles
from search_spaces.settings import one_of, within

REFUSE, DROP = "refuse", "drop"


@dataclass(frozen=True, slots=True)
class AnnotatedSettings(ABC):
    """Where a data set lies, and what is done about its faults.

    Attributes:
        root: its folder.
        faults: ``"refuse"`` a data set with a fault, or ``"drop"`` what is faulty.
        max_dropped: the share of the pictures and of the boxes that may be dropped.
    """

    root: str
    faults: str = REFUSE
    max_dropped: float = 0.05

    def __post_init__(self) -> None:
        one_of("faults", self.faults, (REFUSE, DROP))
        within("max_dropped", self.max_dropped, 0, 1)

    @property
    def share(self) -> float | None:
        """The share that may be dropped; None where faults are refused."""
        return self.max_dropped if self.faults == DROP else None

    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """The splits that are there.

        Raises:
            DataError: the data set is not there.
        """

    @abstractmethod
    def files(self, split: str) -> AnnotatedFiles:
        """The files of a split.

        Raises:
            DataError: it is not there.
        """
