"""The filter before training: which architectures are worth a training, by a cheaper proxy's score.

The rule needs no waiting. A score is compared with those that the record holds when its trial is handed out: among n of
them and itself it must be one of the best ``keep`` times n + 1. While they are fewer than 1 / ``keep``, every
architecture is trained. Scores of trials that are still running are not known yet.
"""

from __future__ import annotations

import bisect
from dataclasses import replace

from nas.engine.events import Finished
from nas.engine.trial import Trial, TrialState


class Prefilter:
    """The scores so far and what was turned down: a fold over the answers in the record.

    Attributes:
        turned_down: how many architectures were not trained.
        in_a_row: how many of them since one was.
    """

    def __init__(self, keep: float | None) -> None:
        """``keep`` is the share that is trained; None for no filter."""
        self.turned_down = 0
        self.in_a_row = 0
        self._keep = keep
        self._scores: list[float] = []  # the lowest first

    def take(self, answer: Finished) -> None:
        """Take in the answer to a trial."""
        measurement = answer.measurement
        if measurement is not None and measurement.filter_score is not None:
            bisect.insort(self._scores, measurement.filter_score)
        if answer.state is TrialState.FILTERED:
            self.turned_down += 1
            self.in_a_row += 1
        elif answer.attempts:
            self.in_a_row = 0

    def hand_out(self, trial: Trial) -> Trial:
        """The trial with the threshold that holds now."""
        if self._keep is None:
            return trial
        return replace(trial, threshold=self._threshold(self._keep), among=len(self._scores) + 1)

    def stop_reason(self, most: int) -> str | None:
        """Why the search is over when it has turned down ``most`` architectures in a row, as a sentence; else None."""
        if self.in_a_row < most:
            return None
        return f"the prefilter turned down the last {self.in_a_row} architectures (max_duplicates is {most})."

    def _threshold(self, keep: float) -> float | None:
        known = len(self._scores)
        ranks = sum(rank / (known + 1) <= keep for rank in range(1, known + 2))  # those that are trained
        return None if known < 1 / keep or ranks > known else self._scores[known - ranks]
