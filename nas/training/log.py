"""metrics.csv: what a training measured on its way, a row for a few steps or for a validation."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from nas.disk import replacing
from nas.training.setup import Stepped, Validated
from search_spaces.errors import FileError

NAME = "metrics.csv"
FACTS = ("step", "epoch", "seconds", "learning_rate", "images_per_second", "loss")
LOSS = "loss_"
ROWS = 1000
"""About so many rows for the steps of a training."""

Row = dict[str, float]


class MetricsLog:
    """Writes metrics.csv.

    Rows after the step from which a training goes on are left out, since it makes them again.
    """

    def __init__(self, folder: Path, batch: int, images: int, from_step: int = 0) -> None:
        """``batch`` images a step of ``images`` in an epoch."""
        self._path, self._batch, self._images = folder / NAME, batch, images
        self.rows = [row for row in read_log(folder) if row["step"] <= from_step]
        self._waiting: list[Stepped] = []

    def take(self, event: Stepped | Validated) -> None:
        """Note what was made; rows are written when there are enough steps, and at each validation.

        Raises:
            FileError: the file cannot be written.
        """
        if isinstance(event, Stepped):
            self._waiting.append(event)
            if len(self._waiting) < max(1, event.progress.plan.steps // ROWS):
                return
        if self._waiting:
            self.rows.append(self._of_steps())
        if isinstance(event, Validated):
            self.rows.append({**self._facts(event), **event.metrics})
            self._write()

    def close(self) -> None:
        """Write what is there."""
        if self._waiting:
            self.rows.append(self._of_steps())
        self._write()

    def _of_steps(self) -> Row:
        """The means over the steps that wait."""
        steps, self._waiting = self._waiting, []
        terms = {name: sum(step.losses[name] for step in steps) / len(steps) for name in steps[0].losses}
        return {
            **self._facts(steps[-1]),
            "learning_rate": steps[-1].learning_rate,
            "images_per_second": self._batch * len(steps) / max(sum(step.seconds for step in steps), 1e-9),
            "loss": sum(terms.values()),
            **{f"{LOSS}{name}": value for name, value in terms.items()},
        }

    def _facts(self, event: Stepped | Validated) -> Row:
        step = event.progress.step
        return {"step": step, "epoch": step * self._batch / self._images, "seconds": event.progress.seconds}

    def _write(self) -> None:
        with replacing(self._path) as temporary:
            temporary.write_text(_as_csv(self.rows), encoding="utf-8")


def read_log(folder: Path) -> list[Row]:
    """The rows of a run folder's metrics.csv; none where there is no such file.

    Raises:
        FileError: the file is no table of numbers.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
        for row in rows:
            row["step"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FileError(f"{path} is no table of the numbers of a training ({error}); move it away.") from None
    return rows


def _as_csv(rows: Sequence[Mapping[str, float]]) -> str:
    present = dict.fromkeys(name for row in rows for name in row if name not in FACTS)
    terms = sorted(name for name in present if name.startswith(LOSS))
    measured = [name for name in present if name not in terms]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*FACTS, *terms, *measured], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: f"{value:.6g}" if name != "step" else f"{value:.0f}" for name, value in row.items()} for row in rows
    )
    return text.getvalue()
