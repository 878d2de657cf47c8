"""What a training says while it runs, and at its end."""

from __future__ import annotations

import time
from pathlib import Path

from nas.command_line.pasting import command_line
from nas.training.checkpoint import Progress
from nas.training.setup import Stepped, Validated
from nas.words import duration, number, plural

SECONDS_BETWEEN, SHARE_BETWEEN = 10.0, 0.01
"""Lines come at least so far apart, and at least this share of the time so far."""


class Lines:
    """Prints a line from time to time: how far, the losses, the rate, the AP so far, the time left."""

    def __init__(self, batch: int, images: int, hours: float | None) -> None:
        """``batch`` images a step of ``images`` in an epoch; ``hours`` is the limit, or None."""
        self._batch, self._images, self._hours = batch, images, hours
        self._ap: float | None = None
        self._begun: tuple[int, float] | None = None
        self._next = 0.0

    def take(self, event: Stepped | Validated) -> None:
        """Print a line, if it is time or if something was measured."""
        if isinstance(event, Validated):
            self._ap = event.metrics.get("ap")
            print(self._validated(event), flush=True)
            return
        step, seconds = event.progress.step, event.progress.seconds
        if self._begun is None:
            self._begun = (step - 1, seconds - event.seconds)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + max(SECONDS_BETWEEN, SHARE_BETWEEN * seconds)
            print(self._stepped(event), flush=True)

    def _stepped(self, event: Stepped) -> str:
        now = event.progress
        terms = ", ".join(f"{name} {number(value)}" for name, value in event.losses.items())
        measured = "" if self._ap is None else f", AP so far {number(now.best)}"
        return (
            f"epoch {now.step * self._batch / self._images:.1f}, step {now.step:,} of {now.plan.steps:,}: "
            f"loss {number(sum(event.losses.values()))} ({terms}), learning rate {event.learning_rate:.2g}, "
            f"{self._batch / max(event.seconds, 1e-9):,.1f} images a second{measured}, {self._left(now)} left"
        )

    def _validated(self, event: Validated) -> str:
        known = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "mask_ap": "AP of masks"}
        facts = [f"{label} {number(event.metrics[name])}" for name, label in known.items() if name in event.metrics]
        best = "the best so far" if event.is_best else f"best {number(event.progress.best)}"
        took = duration(event.seconds)
        return f"validation after step {event.progress.step:,}: {', '.join(facts)} ({best}); it took {took}"

    def _left(self, now: Progress) -> str:
        assert self._begun is not None
        step, seconds = self._begun
        left = (now.plan.steps - now.step) * (now.seconds - seconds) / max(now.step - step, 1)
        if self._hours is not None:
            left = min(left, max(0.0, 3600 * self._hours - now.seconds))
        return duration(left)


def say_interrupted(folder: Path) -> str:
    """How to go on: the settings of the training are in its state."""
    again = command_line("nas.train", "resume=true", run=folder)
    return f"interrupted; what was learnt is kept. To go on:\n  {again}"


def conclusion(folder: Path, progress: Progress, broken: int) -> str:
    """Why the training is over, its best AP, what was written, what is next."""
    lines = [f"the training is over: {progress.over}; it took {duration(progress.seconds)}"]
    if progress.best is not None:
        lines.append(
            f"best AP {number(progress.best)} after step {progress.best_step:,}: {folder / 'best.safetensors'}"
        )
    if broken:
        lines.append(f"{plural(broken, 'picture')} could not be read and {'was' if broken == 1 else 'were'} left out")
    lines.append(f"report: {folder / 'report.html'}")
    lines.append(f"next: {command_line('nas.compile', weights=folder / 'best.safetensors')}")
    return "\n".join(lines)
