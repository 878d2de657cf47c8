"""Can a detector learn 16 pictures by heart? What cannot has an error in its targets, its losses or its boxes.

    python results/overfit/measure.py [arch=spinenet-49s] [pictures=16] [image_size=256] [steps=600] [run=DIR]

Trains the published detector on generated pictures without variation, and measures it on the same pictures. Given again
with the same run folder, it goes on where it was. Prints one JSON object; ends with exit code 1 below AP 0.90.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch

from nas.datasets.augment import AugmentSettings
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors import DetectionSettings, build_detector
from nas.detectors.devices import find_device
from nas.engine.provenance import collect_provenance
from nas.evaluation import evaluate
from nas.training.checkpoint import has_state
from nas.training.optimiser import OptimiserSettings
from nas.training.parts import Shares, Source
from nas.training.protocol import Protocol
from nas.training.setup import Setup, Validated
from nas.training.trainer import Trainer
from nas.training.validation import Validation

DEFAULTS = {"arch": "spinenet-49s", "pictures": "16", "image_size": "256", "steps": "600", "batch": "8", "run": ""}
ENOUGH = 0.90


def measure(given: dict[str, str]) -> dict[str, object]:
    """The best AP on the pictures that were trained on, and the course of it."""
    count, size, steps = (int(given[key]) for key in ("pictures", "image_size", "steps"))
    folder = Path(given["run"] or tempfile.mkdtemp(prefix="overfit-"))
    folder.mkdir(parents=True, exist_ok=True)
    data = open_synthetic(SyntheticSettings(images=max(2, count)), size, folder / "cache")
    protocol = Protocol(
        image_size=size,
        epochs=10**6,
        most_steps=steps,
        batch=int(given["batch"]),
        learning_rate=0.001,
        reference_batch=int(given["batch"]),
        schedule="cosine",
        warmup_steps=20,
        optimiser=OptimiserSettings("adamw", weight_decay=0.0, clip_norm=1.0, ema_decay=0.98),
        augment=AugmentSettings(flip=0.0),
        detection=DetectionSettings(0.01, 1000, 0.5, 100),
        validations=20,
    )
    device = find_device("auto")
    torch.manual_seed(0)
    detector = build_detector(given["arch"], classes=len(data.class_names) + 1).to(device)
    source = Source(data, range(count), Shares(protocol.batch, protocol.batch), protocol.augment)
    validation = Validation(evaluate, data, range(count), "the same pictures", 8, protocol.detection)
    trainer = Trainer(detector, source, validation, protocol, Setup(0, device), folder, has_state(folder))
    course = []
    for event in trainer.run():
        if isinstance(event, Validated):
            course.append((event.progress.step, round(event.metrics["ap"], 4)))
            print(f"step {event.progress.step}: AP {event.metrics['ap']:.3f}", file=sys.stderr, flush=True)
    return {"best_ap": trainer.progress.best, "seconds": trainer.progress.seconds, "course": course, "run": str(folder)}


if __name__ == "__main__":
    arguments = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    if unknown := set(arguments) - set(DEFAULTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(DEFAULTS)}")
    settings = {**DEFAULTS, **arguments}
    found = measure(settings)
    print(json.dumps({**settings, **found, **collect_provenance()}))
    sys.exit((found["best_ap"] or 0.0) < ENOUGH)
