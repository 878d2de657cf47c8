"""A tiny training, whole or in pieces."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors import DetectionSettings
from nas.training.dropblock import DropBlockSettings
from nas.training.optimiser import OptimiserSettings
from nas.training.parts import Shares, Source
from nas.training.protocol import Protocol
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
    data: DetectionData, folder: Path, protocol: Protocol = PROTOCOL, resume: bool = False, part: int = 2, **setup: Any
) -> Trainer:
    split = reserve(data)
    source = Source(data, split.train, Shares(protocol.batch, part), protocol.augment, 7)
    validation = Validation(data, split.reserved, "reserved images", 16, protocol.detection)
    options = Setup(seed=7, device=torch.device("cpu"), **setup)
    return Trainer(tiny_detector(), source, validation, protocol, options, folder, resume)


def longer(steps: int, **changes: Any) -> Protocol:
    return replace(PROTOCOL, most_steps=steps, epochs=100, **changes)
