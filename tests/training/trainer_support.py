"""A tiny training, whole or in pieces."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import multiprocessing

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors import DetectionSettings
from nas.evaluation import evaluate
from nas.training.dropblock import DropBlockSettings
from nas.training.optimiser import OptimiserSettings
from nas.training.parts import Shares, Source
from nas.training.protocol import Protocol
from nas.training.ranks import Ranks, joined
from nas.training.setup import Setup
from nas.training.trainer import Trainer
from nas.training.validation import Validation
from tests.training.training_support import tiny_detector

PROTOCOL = Protocol(
    image_size=32,
    epochs=1,
    most_steps=4,
    batch=4,
    learning_rate=0.01,
    reference_batch=4,
    warmup_steps=1,
    optimiser=OptimiserSettings("adamw", ema_decay=0.5),
    augment=AugmentSettings(0.5, 0.8, 1.2),
    dropblock=DropBlockSettings(0.9, 3),
    detection=DetectionSettings(0.01, 50, 0.5, 20),
    validations=2,
)


def open_tiny(folder: Path, images: int = 24) -> DetectionData:
    return open_synthetic(SyntheticSettings(images=images), 32, folder)


def make_trainer(
    data: DetectionData,
    folder: Path,
    protocol: Protocol = PROTOCOL,
    resume: bool = False,
    part: int = 2,
    ranks: Ranks | None = None,
    **setup: Any,
) -> Trainer:
    split = reserve(data)
    source = Source(data, split.train, Shares(protocol.batch, part, ranks or Ranks()), protocol.augment, 7)
    validation = Validation(evaluate, data, split.reserved, "reserved images", 16, protocol.detection)
    options = Setup(seed=7, device=torch.device("cpu"), **setup)
    return Trainer(tiny_detector(), source, validation, protocol, options, folder, resume)


def in_two_processes(function: Any, *args: Any) -> None:
    """Call ``function(ranks, *args)`` in each of two processes of one training."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(_process, (port, function, args), nprocs=2, start_method="fork")


def _process(rank: int, port: int, function: Any, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    with joined(torch.device("cpu")) as ranks:
        function(ranks, *args)


def longer(steps: int, **changes: Any) -> Protocol:
    return replace(PROTOCOL, most_steps=steps, epochs=100, **changes)
