"""A training that can be ended and gone on with at any step: steps, validations, checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.detectors import Network, TrainedOn, save_detector
from nas.machine.signals import undisturbed
from nas.training.accumulate import NotFinite, Work, gather_gradients
from nas.training.checkpoint import STATE, Progress, State, read_state, write_state
from nas.training.dropblock import dropping
from nas.training.flat import FlatWeights, flat_weights
from nas.training.optimiser import build_average, build_optimiser, set_learning_rate
from nas.training.parts import Source
from nas.training.plan import Plan, TimeLimit
from nas.training.protocol import Protocol
from nas.training.setup import Event, Setup, Stepped, Validated
from nas.training.statistics import estimate_statistics, image_batches
from nas.training.step import Batch, apply_gradients
from nas.training.tensors import restore_tensors, tensors_of
from nas.training.validation import SCORE, Validation, averaged
from search_spaces.errors import FileError, TrainingError

log = logging.getLogger(__name__)
BEST, LAST = "best.safetensors", "last.safetensors"
MINUTE, HOUR = 60.0, 3600.0
SHOWN_NAMES = 16
_STEP_STREAM = 2  # of the seed; nas.training.order has 0 and 1


class Trainer:
    """Trains a network by a protocol.

    Attributes:
        progress: how far it is.
    """

    def __init__(
        self,
        network: Network,
        source: Source,
        validation: Validation,
        protocol: Protocol,
        setup: Setup,
        folder: Path,
        resume: bool = False,
    ) -> None:
        """``folder`` is the run folder; with ``resume`` the training goes on from the last state in it."""
        self._network, self._source, self._validation = network, source, validation
        self._protocol, self._setup, self._folder, self._resume = protocol, setup, folder, resume
        self._most_steps = protocol.steps(len(source.indices))
        self._trained_on = TrainedOn(source.data.class_names, source.data.image_size)
        self._ranks = source.shares.ranks
        self._last_validation = 0.0  # seconds that it took
        self.progress = Progress(0, Plan(self._most_steps))

    def run(self, look: Callable[[Network], None] | None = None) -> Generator[Event, None, None]:
        """Train to the end. Whoever stops earlier closes the iterator; the state is kept then too.

        Args:
            look: called with the network after each validation, while it has the weights that were measured.

        Raises:
            TrainingError: a loss is not finite; the sentence has the step, the images and the last checkpoint.
            FileError: the last checkpoint cannot be written. An earlier one that cannot is a warning.
            DataError: too many pictures are broken.
        """
        with flat_weights(self._network) as weights, dropping(self._network, self._protocol.dropblock) as tell_done:
            self._tell_done = tell_done
            self._begin(weights)
            try:
                yield from self._train(look)
            except (KeyboardInterrupt, GeneratorExit):
                weights.statistics.copy_(self._statistics)
                self._save(must=False)
                raise

    def _begin(self, weights: FlatWeights) -> None:
        settings = self._protocol.optimiser
        self._network.train()
        self._optimiser = build_optimiser(weights, settings)
        self._average = build_average(weights, settings.ema_decay, ramped=True)
        forward: Any = torch.compile(self._network) if self._setup.compiled else self._network
        self._work = Work(
            self._network, forward, weights, self._optimiser, self._setup.precision, settings.clip_norm, self._ranks
        )
        if self._resume:
            state = read_state(self._folder, self._setup.device)
            restore_tensors(state.tensors, weights, self._optimiser, self._average)
            self.progress = state.progress
            longer = (
                self._setup.hours is None and self.progress.plan.steps < self._most_steps
            )  # there was a limit before
            if longer and not self.progress.over:
                self._go_on(plan=self.progress.plan.ending_at(self._most_steps, self.progress.step))
        self._statistics = weights.statistics.clone()
        self._saved, self._saved_at = self.progress if self._resume else None, time.monotonic()
        self._begun = time.monotonic() - self.progress.seconds

    def _train(self, look: Callable[[Network], None] | None) -> Iterator[Event]:
        with closing(self._source.parts(self.progress.step, self._setup.device)) as parts:
            while not self.progress.over:
                if self.progress.due:
                    yield self._validate(look)
                    self._save(must=False)
                else:
                    yield self._step(parts)
                    self._decide_length()
                if time.monotonic() - self._saved_at > MINUTE * self._setup.minutes:
                    self._save(must=False)
        self._save(must=True)

    def _step(self, parts: Iterator[Batch]) -> Stepped:
        """One step. What interrupts it leaves the weights and the progress as they were before, or after."""
        step, started = self.progress.step, time.monotonic()
        done = self.progress.plan.done(step)
        rate = self._protocol.schedule_of(self.progress.plan.steps).rate(step, done)
        set_learning_rate(self._optimiser, rate)
        self._tell_done(done)
        torch.manual_seed(step_seed(self._setup.seed, step, self._ranks.rank))
        try:
            losses = gather_gradients(self._work, islice(parts, self._source.shares.parts))
        except NotFinite as error:
            raise TrainingError(self._not_finite(str(error))) from None
        with undisturbed():
            apply_gradients(self._optimiser, self._work.clip_norm)
            if self._average is not None:
                self._average.update_parameters(self._work.weights)
            self._statistics.copy_(self._work.weights.statistics)
            self._go_on(step=step + 1, seconds=self._elapsed(), due=self._validates(step + 1, done))
        return Stepped(self.progress, losses, rate, time.monotonic() - started)

    def _decide_length(self) -> None:
        """Decide by the rate so far how many steps fit into the time that is left, where there is a limit."""
        now = self.progress
        if self._setup.hours is None:
            return
        limit = TimeLimit(self._setup.hours * HOUR, self._most_steps)
        elapsed = self._ranks.agree(now.seconds)
        if limit.is_due(now.plan, now.step, elapsed, now.decided_at):
            left = ceil((1 - now.plan.done(now.step)) * self._protocol.validations) * self._last_validation
            validating, left = self._ranks.agree(now.validating), self._ranks.agree(left)
            self._go_on(plan=limit.decide(now.plan, now.step, elapsed, validating, left), decided_at=elapsed)

    def _validates(self, step: int, done_before: float) -> bool:
        """Whether a validation follows a step."""
        plan, times = self.progress.plan, self._protocol.validations
        return step >= plan.steps or int(plan.done(step) * times) > int(done_before * times)

    def _validate(self, look: Callable[[Network], None] | None) -> Validated:
        """Measure the weights and keep them; what interrupts it leaves the validation to be made again."""
        started, now = time.monotonic(), self.progress
        metrics: dict[str, float] = {}
        with averaged(self._work.weights, self._average):
            self._estimate_statistics()
            if self._ranks.is_first:
                metrics = self._validation.measure(self._network)
            score = self._ranks.agree(metrics.get(SCORE, 0.0))
            is_best = now.best is None or score > now.best
            if self._ranks.is_first and look is not None:
                look(self._network)
            with undisturbed():
                for name in ([BEST, LAST] if is_best else [LAST]) if self._ranks.is_first else ():
                    self._keep(name)
                self._last_validation = time.monotonic() - started
                self._go_on(**self._after_validation(score, is_best), seconds=self._elapsed(), due=False)
        return Validated(self.progress, metrics, self._last_validation, is_best)

    def _after_validation(self, score: float, is_best: bool) -> dict[str, Any]:
        """What changes in the progress."""
        now, patience = self.progress, self._setup.patience
        without_gain = 0 if is_best else now.without_gain + 1
        over = ""
        if now.step >= now.plan.steps:
            hours = self._setup.hours if now.plan.steps < self._most_steps else None
            over = f"all {now.plan.steps:,} steps are made" + (
                "" if hours is None else f", as many as {hours:g} hours allow"
            )
        elif patience is not None and without_gain >= patience:
            over = f"the last {patience} validations brought no gain"
        best = {"best": score, "best_step": now.step} if is_best else {}
        validating = now.validating + self._last_validation
        return {**best, "without_gain": without_gain, "over": over, "validating": validating}

    def _estimate_statistics(self) -> None:
        protocol, source = self._protocol, self._source
        if protocol.statistics_images:
            images = image_batches(
                source.data,
                source.indices,
                protocol.statistics_images,
                source.shares.part,
                self._setup.seed,
                self._setup.device,
            )
            estimate_statistics(self._network, images)

    def _keep(self, name: str) -> None:
        """Write the weights that the network has now as a file that ``load_detector`` reads."""
        source = f"nas.train, step {self.progress.step} of {self.progress.plan.steps}"
        self._or_warn(partial(save_detector, self._network, self._folder / name, source, self._trained_on))

    def _save(self, must: bool) -> None:
        """Write a checkpoint, unless the last one is of now."""
        if self._ranks.is_first and self.progress != self._saved:
            tensors = tensors_of(self._work.weights, self._optimiser, self._average)
            write = partial(write_state, self._folder, State(self.progress, tensors, self._setup.about))
            if (write() if must else self._or_warn(write)) is not None:
                self._saved = self.progress
        self._saved_at = time.monotonic()

    def _or_warn(self, write: Callable[[], Any]) -> Any:
        """Write a file; where that fails, say so and go on. None then."""
        try:
            return write()
        except FileError as error:
            log.warning("%s The training goes on, and what was written before is whole.", error)
            return None

    def _not_finite(self, losses: str) -> str:
        names = [self._source.data.image_name(index) for index in self._source.images_of(self.progress.step)]
        shown = ", ".join(names[:SHOWN_NAMES]) + (
            f" and {len(names) - SHOWN_NAMES} more" if names[SHOWN_NAMES:] else ""
        )
        left = (
            f"the state after step {self._saved.step} is in {self._folder / STATE}"
            if self._saved
            else "there is no state"
        )
        return (
            f"the loss of step {self.progress.step + 1} is not finite ({losses}); its images are {shown}; {left}. Look "
            f"at the images, or take a lower protocol.learning_rate."
        )

    def _go_on(self, **changes: Any) -> None:
        self.progress = replace(self.progress, **changes)

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun


def step_seed(seed: int, step: int, rank: int) -> int:
    """What the torch generator of a process is seeded with before a step."""
    state = np.random.SeedSequence((seed, _STEP_STREAM, step, rank)).generate_state(1, np.uint64)
    return int(state[0]) >> 1
