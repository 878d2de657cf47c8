"""The settings of a search."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType

from nas.engine.check import Reference
from search_spaces.settings import SettingError, at_least, integer, not_above, of_type, within


@dataclass(frozen=True, slots=True)
class FinalistSettings:
    """How the end of a search chooses and measures its winner.

    Attributes:
        count: how many of the best trials are trained again; None for a seventh of the samples and at least three, 0
            for none: then the best trial is all that there is.
        longer: how many times as long as a trial's their training is.
        seeds: how often each finalist is trained. The best mean is the winner.
        winner_seeds: how often the winner and each reference are trained with further seeds, the same for all of them.
            Their mean is what is reported; an interval needs two or more.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    count: int | None = None
    longer: float = 1.5
    seeds: int = 1
    winner_seeds: int = 3

    def __post_init__(self) -> None:
        if self.count is not None:
            integer("count", self.count, 0)
        at_least("longer", self.longer, 1)
        integer("seeds", self.seeds, 1)
        integer("winner_seeds", self.winner_seeds, 0)


NO_FINALISTS = FinalistSettings(count=0)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long a search goes on and what it does when things go wrong.

    Attributes:
        samples: how many architectures to evaluate; failed and stopped ones count, known and filtered ones do not.
        seed: the seed of every trial derives from this one and the number of the trial.
        retries: how often a trial that lost its worker is tried again.
        failed_reward: what the controller is told for a trial without a result; None leaves it to the controller.
        max_duplicates: the search ends when this many proposals in a row brought nothing new, or when the filter has
            turned down this many architectures in a row.
        references: known architectures that are measured beside the trials.
        finalists: how the end of the search chooses and measures its winner.
        prefilter: what the filter before training is called; None for no filter.
        keep: the share of architectures that it lets through, above 0 and at most 1; None without a filter.

    Raises:
        ConfigError: a setting has the wrong type or is out of range, or of ``prefilter`` and ``keep`` one is missing.
    """

    samples: int
    seed: int = 0
    retries: int = 2
    failed_reward: float | None = None
    max_duplicates: int = 1000
    references: tuple[Reference, ...] = ()
    finalists: FinalistSettings = NO_FINALISTS
    prefilter: str | None = None
    keep: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("seed", 0), ("retries", 0), ("max_duplicates", 1)):
            integer(name, getattr(self, name), least)
        of_type("failed_reward", self.failed_reward, float, NoneType)
        if self.finalists.count is not None:
            not_above("finalists.count", self.finalists.count, "samples", self.samples)
        if self.keep is not None:
            within("keep", self.keep, 0, 1, "(]")
            if self.prefilter is None:
                raise SettingError("keep", f"is {self.keep} and prefilter is null; give prefilter=PROXY beside it.")
        elif self.prefilter is not None:
            raise SettingError("keep", "is null; beside a prefilter it must be the share that is trained, e.g. 0.3.")
        seen: dict[str, str] = {}
        for one in self.references:
            if same := seen.get(one.architecture.fingerprint):
                raise SettingError("references", f"name {same} and {one.name}, which are one graph; leave one out.")
            seen[one.architecture.fingerprint] = one.name
