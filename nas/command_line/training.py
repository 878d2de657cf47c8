"""One training from its configuration: everything made, run, told, and left in its run folder."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.command_line.config import Config, to_yaml
from nas.command_line.parts import without_name
from nas.command_line.pasting import python_command, shell_quoted
from nas.command_line.train_messages import Lines, conclusion, say_interrupted
from nas.command_line.train_parts import (
    TrainingData,
    choose_compile,
    choose_precision,
    make_network,
    make_protocol,
    make_shares,
    make_source,
    make_validation,
    training_data,
)
from nas.datasets.augment import to_device
from nas.detectors import Network, build_detector, cost, keep_freed_memory
from nas.detectors.devices import device_name, find_device
from nas.detectors.scaling import Scaling
from nas.detectors.weights import describe
from nas.disk import replacing
from nas.engine.provenance import collect_provenance
from nas.reporting.training_page import TrainingReport, write_training_report
from nas.reporting.training_pictures import FED, draw_batches, draw_predictions
from nas.training.checkpoint import Progress, read_about, read_progress
from nas.training.log import MetricsLog
from nas.training.parts import Source
from nas.training.protocol import Protocol
from nas.training.ranks import Ranks, joined, local_device
from nas.training.setup import Setup, Validated
from nas.training.step import Batch
from nas.training.tensors import layout
from nas.training.trainer import Trainer
from nas.training.validation import Validation
from nas.words import plural, short_count, warn
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, DataError
from search_spaces.settings import at_least, build_settings, integer, positive

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


def train_one(config: Config, folder: Path, resume: bool = False, architecture: Architecture | None = None) -> Progress:
    """Train, or go on, in a run folder; the progress at the end.

    Args:
        architecture: what to build, in place of ``arch``.

    Raises:
        ConfigError, DataError, RecordError: the input cannot be used.
        TrainingError: a loss was not finite.
        FileError: the last checkpoint cannot be written.
    """
    check_settings_of_run(config)
    device = find_device(local_device(config["device"]))
    with joined(device) as ranks:
        training = prepare(config, folder, device, ranks, resume, architecture)
        return run(training, resume)


def check_settings_of_run(config: Config) -> None:
    """Check what is no part's: the seed and the limits.

    Raises:
        ConfigError: a value has the wrong type or is out of range.
    """
    integer("seed", config["seed"], 0)
    positive("checkpoint_minutes", config["checkpoint_minutes"])
    if config["hours"] is not None:
        positive("hours", config["hours"])
    if config["patience"] is not None:
        integer("patience", config["patience"], 1)
    if config["reserve"] is not None:
        at_least("reserve", config["reserve"], 1)


def prepare(
    config: Config, folder: Path, device: torch.device, ranks: Ranks, resume: bool, architecture: Architecture | None
) -> Training:
    """Everything that a training needs; nothing is written yet. Errors as in :func:`train_one`."""
    keep_freed_memory()
    protocol = make_protocol(config)
    data = training_data(config, protocol)
    about = read_about(folder) if resume else None
    if about is None:
        network, origin = make_network(config, protocol, data.train.class_names, architecture)
    else:
        network, origin = _again(about["detector"]), f"goes on after step {read_progress(folder).step:,}."
    identity = _identity(config, data, network)
    if about is not None:
        _check_same(about["identity"], identity)
    network = network.to(device)
    precision = choose_precision(config, device)
    shares = make_shares(config, protocol, network, precision, device, ranks)
    source = make_source(config, protocol, data, network, shares)
    setup = Setup(
        seed=config["seed"],
        device=device,
        precision=precision,
        compiled=choose_compile(config, device),
        hours=config["hours"],
        patience=config["patience"],
        minutes=config["checkpoint_minutes"],
        about={
            "config": config,
            "identity": identity,
            "detector": describe(network),
            "layout": layout(network),
            "class_names": list(data.train.class_names),
            "provenance": collect_provenance(),
        },
    )
    training = Training(folder, config, protocol, data, network, source, make_validation(protocol, data), setup, [])
    training.notes = _notes(training, origin)
    return training


def run(training: Training, resume: bool) -> Progress:
    """Run a training that is ready, and leave its run folder complete."""
    trainer = Trainer(
        training.network,
        training.source,
        training.validation,
        training.protocol,
        training.setup,
        training.folder,
        resume,
    )
    if not training.is_first:
        for _ in trainer.run():
            pass
        return trainer.progress
    from_step = read_progress(training.folder).step if resume else 0
    _begin_folder(training)
    images, batch = len(training.source.indices), training.protocol.batch
    log, lines = MetricsLog(training.folder, batch, images, from_step), Lines(batch, images, training.setup.hours)
    watch = AnnotationWatch(training.data)
    try:
        with closing(trainer.run(partial(_look, training, trainer))) as events:
            for event in events:
                log.take(event)
                lines.take(event)
                if isinstance(event, Validated):
                    watch.look()
                    _report(training, log, event.progress)
    except KeyboardInterrupt:
        print(say_interrupted(training.folder), file=sys.stderr)
        raise
    finally:
        log.close()
    _report(training, log, trainer.progress)
    print(conclusion(training.folder, trainer.progress, len(training.source.broken)), flush=True)
    return trainer.progress


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


def _again(description: Mapping[str, Any]) -> Network:
    """The network that a state is of, with weights that the state will replace."""
    architecture = Architecture.from_dict(description["architecture"], "the state's architecture")
    scaling = build_settings(Scaling, description["scaling"], "scaling")
    return build_detector(architecture, scaling, description["head"], description["classes"])


def _identity(config: Config, data: TrainingData, network: Network) -> dict[str, Any]:
    """What must be equal in all sessions of a training."""
    return {
        "protocol": without_name(config["protocol"]),
        "seed": config["seed"],
        "reserve": config["reserve"],
        "detector": layout(network),
        "data": [data.train.fingerprint, data.val.fingerprint, list(data.train.class_names)],
    }


def _check_same(begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
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


def _notes(training: Training, origin: str) -> list[str]:
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


def _begin_folder(training: Training) -> None:
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


def _look(training: Training, trainer: Trainer, network: Network) -> None:
    draw_predictions(
        network, training.validation, training.folder / PREDICTIONS / f"step-{trainer.progress.step:08d}.jpg"
    )


def _report(training: Training, log: MetricsLog, progress: Progress) -> None:
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
