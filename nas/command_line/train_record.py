"""What the run folder of a training holds beside its weights and its state, and what must stay the same in it."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.command_line.config import Config, to_yaml
from nas.command_line.parts import without_name
from nas.command_line.pasting import python_command, shell_quoted
from nas.command_line.train_parts import TrainingData
from nas.datasets.augment import to_device
from nas.detectors import Network, cost
from nas.detectors.devices import device_name
from nas.disk import replacing
from nas.reporting.training_page import TrainingReport, write_training_report
from nas.reporting.training_pictures import FED, draw_batches, draw_predictions
from nas.training.checkpoint import Progress
from nas.training.log import MetricsLog
from nas.training.parts import Source
from nas.training.protocol import Protocol
from nas.training.setup import Setup
from nas.training.step import Batch
from nas.training.tensors import layout
from nas.training.validation import Validation
from nas.words import plural, short_count, warn
from search_spaces.errors import ConfigError, DataError

BATCHES, PREDICTIONS = "batches.jpg", "predictions"


@dataclass(slots=True)
class Training:
    """A training that is ready to run, with what describes it.

    Attributes:
        notes: sentences about how it is trained and measured.
    """

    folder: Path
    config: Config
    protocol: Protocol
    data: TrainingData
    network: Network
    source: Source
    validation: Validation
    setup: Setup
    notes: list[str]

    @property
    def is_first(self) -> bool:
        """Whether this process writes and talks."""
        return self.source.shares.ranks.is_first


def identity_of(config: Config, data: TrainingData, network: Network) -> dict[str, Any]:
    """What must be equal in all sessions of a training."""
    return {
        "protocol": without_name(config["protocol"]),
        "seed": config["seed"],
        "reserve": config["reserve"],
        "detector": layout(network),
        "data": [data.train.fingerprint, data.val.fingerprint, list(data.train.class_names)],
    }


def check_same(begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that a training goes on as it began.

    Raises:
        ConfigError: a setting differs.
        DataError: the data set does.
    """
    if begun["data"] != now["data"]:
        raise DataError(
            "the data set is not the one that this training began with: its annotations, pictures or classes were "
            "changed since. Put them back, or begin anew with weights=last.safetensors of this run."
        )
    for key, value in begun.items():
        if value != now[key]:
            inner = value if isinstance(value, Mapping) else {}
            differing = next((f"{key}.{name}" for name in inner if inner[name] != now[key].get(name)), key)
            raise ConfigError(
                f"resume=true: {differing} is not what the training began with; leave it out, or begin anew with "
                "weights=last.safetensors of this run."
            )


def notes_of(training: Training, origin: str) -> list[str]:
    """What is decided, in sentences."""
    network, protocol, shares = training.network, training.protocol, training.source.shares
    size = protocol.image_size
    counted = cost(network, size)
    scaling = network.scaling
    kind = f"{network.head_name}, width {scaling.width:g}, {scaling.endpoints} channels at the endpoints"
    processes = f" on each of {shares.ranks.count} processes" if shares.ranks.count > 1 else ""
    at_once = "at once" if shares.parts == 1 else f"in {shares.parts} parts of at most {shares.part}"
    device = training.setup.device
    compiled = ", compiled" if training.setup.compiled else ""
    return [
        f"detector: {kind}, classes {network.classes - 1}: {short_count(counted.params_trainable)} parameters, "
        f"{short_count(counted.multiply_adds)} multiply-adds at {size} px; {origin}",
        f"data: {plural(len(training.data.indices), 'picture')} to train on, {training.data.train.source}; "
        f"{training.data.decoded}",
        f"measured on {training.data.measured_on}.",
        f"protocol {training.config['protocol']['name']}: {protocol.steps(len(training.data.indices)):,} steps of "
        f"{protocol.batch} images {at_once}{processes}, {protocol.optimiser.kind} with learning rate "
        f"{protocol.scaled_rate:g}; {training.setup.precision} on {device_name(device)}{compiled}"
        + (f"; at most {training.setup.hours:g} hours." if training.setup.hours is not None else "."),
    ]


def begin_folder(training: Training) -> None:
    """Write what is known before the first step, and say how it is trained.

    Raises:
        FileError: a file cannot be written.
    """
    folder = training.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PREDICTIONS).mkdir(exist_ok=True)
    with replacing(folder / "config.yaml") as temporary:
        temporary.write_text(to_yaml(training.config), encoding="utf-8")
    with (folder / "args").open("a", encoding="utf-8") as file:
        file.write(" ".join(map(shell_quoted, [python_command(), "-m", "nas.train", *sys.argv[1:]])) + "\n")
    for note in training.notes:
        print(note)
    print(f"run folder {folder}", flush=True)
    draw_batches(list(_first_batches(training.source)), training.data.train.class_names, folder / BATCHES)


def _first_batches(source: Source) -> Iterator[Batch]:
    """As many of the first parts as the picture of batches needs."""
    shown = 0
    for step in itertools.count():
        for picks in source.shares.of_step(source.seed, step, len(source.indices)):
            if shown >= FED:
                return
            shown += len(picks)
            yield to_device(source.read(picks), "cpu")


def draw_found(training: Training, network: Network, step: int) -> None:
    """Draw what is found in the fixed pictures."""
    draw_predictions(network, training.validation, training.folder / PREDICTIONS / f"step-{step:08d}.jpg")


def report_on(training: Training, log: MetricsLog, progress: Progress) -> None:
    """Write report.html and metrics.png.

    Raises:
        FileError: one cannot be written.
    """
    folder = training.folder
    latest = max((folder / PREDICTIONS).glob("step-*.jpg"), default=folder / "none")
    state = f"The training is over: {progress.over}." if progress.over else "The training is under way."
    report = TrainingReport(
        name=folder.resolve().name,
        state=state,
        notes=training.notes,
        rows=log.rows,
        steps=progress.plan.steps,
        pictures={"What it is fed": folder / BATCHES, "What is there, and what is found beside it": latest},
        settings=training.config,
        provenance=training.setup.about["provenance"],
    )
    write_training_report(report, folder)


class AnnotationWatch:
    """Says once that an annotation file was changed while the training runs."""

    def __init__(self, data: TrainingData) -> None:
        self._files = {name: _status(name) for name in {data.train.source, data.val.source} if os.path.isfile(name)}

    def look(self) -> None:
        """Warn where a file is no longer what it was."""
        for name, status in list(self._files.items()):
            if _status(name) != status:
                del self._files[name]
                warn(
                    f"annotation file {name} was changed since the training began; it goes on with what it read then, "
                    "but could not be resumed with the changed file."
                )


def _status(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
