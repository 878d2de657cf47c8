"""One training from its configuration: everything made, run, told, and left in its run folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nas.command_line.config import Config
from nas.command_line.train_messages import Lines, conclusion, say_interrupted
from nas.command_line.train_parts import (
    AUTO,
    choose_compile,
    choose_precision,
    make_network,
    make_protocol,
    make_shares,
    make_source,
    make_validation,
    training_data,
)
from nas.command_line.train_record import (
    AnnotationWatch,
    Training,
    begin_folder,
    check_same,
    draw_found,
    identity_of,
    notes_of,
    report_on,
)
from nas.detectors import Network, build_detector, keep_freed_memory
from nas.detectors.devices import find_device
from nas.detectors.scaling import Scaling
from nas.detectors.weights import describe
from nas.engine.provenance import collect_provenance
from nas.training.checkpoint import Progress, read_about, read_progress
from nas.training.log import MetricsLog
from nas.training.ranks import Ranks, joined, local_device
from nas.training.setup import Setup, Validated
from nas.training.trainer import Trainer
from nas.words import warn
from search_spaces.architecture import Architecture
from search_spaces.errors import FileError
from search_spaces.settings import at_least, build_settings, integer, positive

SECONDS_BETWEEN_REPORTS = 60.0


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
    identity = identity_of(config, data, network)
    if about is not None:
        check_same(about["identity"], identity)
    network = network.to(device)
    precision = choose_precision(config, device)
    again = config if about is None else {**config, "batch": _part_again(config["batch"], about["part"])}
    shares = make_shares(again, protocol, network, precision, device, ranks)
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
            "part": shares.part,
            "class_names": list(data.train.class_names),
            "provenance": collect_provenance(),
        },
    )
    training = Training(folder, config, protocol, data, network, source, make_validation(protocol, data), setup, [])
    training.notes = notes_of(training, origin)
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
    begin_folder(training)
    images, batch = len(training.source.indices), training.protocol.batch
    log, lines = MetricsLog(training.folder, batch, images, from_step), Lines(batch, images, training.setup.hours)
    watch, next_report = AnnotationWatch(training.data), 0.0

    def look(network: Network) -> None:
        or_warn(partial(draw_found, training, network, trainer.progress.step))

    try:
        with closing(trainer.run(look)) as events:
            for event in events:
                or_warn(partial(log.take, event))
                lines.take(event)
                if isinstance(event, Validated):
                    watch.look()
                    if time.monotonic() >= next_report:
                        or_warn(partial(report_on, training, log, event.progress))
                        next_report = time.monotonic() + SECONDS_BETWEEN_REPORTS
    except KeyboardInterrupt:
        print(say_interrupted(training.folder), file=sys.stderr)
        raise
    finally:
        or_warn(log.close)
    report_on(training, log, trainer.progress)
    print(conclusion(training.folder, trainer.progress, len(training.source.broken)), flush=True)
    return trainer.progress


def or_warn(write: Callable[[], Any]) -> None:
    """Write a picture, a table or a page; where that fails, say so, since the training itself can go on."""
    try:
        write()
    except FileError as error:
        warn(str(error))


def _part_again(given: Any, before: int) -> Any:
    """The images at once of a training that goes on: as before, since batch norm depends on it, unless it is given."""
    return before if given in (None, AUTO) else given


def _again(description: Mapping[str, Any]) -> Network:
    """The network that a state is of, with weights that the state will replace."""
    architecture = Architecture.from_dict(description["architecture"], "the state's architecture")
    scaling = build_settings(Scaling, description["scaling"], "scaling")
    return build_detector(architecture, scaling, description["head"], description["classes"])
