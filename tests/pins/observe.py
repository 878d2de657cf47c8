"""What must stay as it is when the code moves: identities, keys, counts, outputs, decisions.

``python -m tests.pins.observe`` writes ``pins.json`` anew; do that only where a change is meant, and say why.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import controllers
import nas
import search_spaces
from nas.detectors import DetectionSettings

PINS = Path(__file__).parent / "pins.json"
MADE = Path(__file__).parent / "made"
HEADS = ("retinanet", "mask_rcnn", "classifier")
CONVENTIONS = ("tpu", "model_garden", "mmdet")
FAMILIES = {"spinenet-49": 0.25, "spinenet-mobile-49": 0.5, "r50-fpn": 0.25}
"""Published name -> width at which its outputs are pinned."""
SIDE = 128
SAMPLED = 50
PROPOSALS = 60


def architectures() -> dict[str, list[str]]:
    """Name -> fingerprint and hash of the JSON, for every published architecture and ``SAMPLED`` drawn ones."""
    found = {name: search_spaces.load(name) for name in search_spaces.published_names()}
    space = search_spaces.build("spinenet")
    found |= {f"sample {at}": space.sample(np.random.default_rng(at)) for at in range(SAMPLED)}
    return {name: [one.fingerprint, digest(one.to_json())] for name, one in found.items()}


def digest(text: str) -> str:
    """16 hexadecimal digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def structures() -> dict[str, dict[str, Any]]:
    """Published name and head -> hash of the state dictionary's keys and shapes, the four counts, the parts' names."""
    found = {}
    for name in nas.detectors.PUBLISHED:
        for head in HEADS:
            with torch.device("meta"):
                detector = nas.build_detector(name, head=head)
            shapes = sorted((key, list(value.shape)) for key, value in detector.state_dict().items())
            cost = nas.cost(detector, 640)
            found[f"{name} {head}"] = {
                "keys": digest(json.dumps(shapes)),
                "counts": [
                    cost.params_trainable,
                    cost.params_batch_norm_statistics,
                    cost.multiply_adds,
                    cost.activation_bytes,
                ],
                "parts": digest(json.dumps([[part.name, part.level, part.multiply_adds] for part in cost.blocks])),
            }
    return found


def cases() -> Iterator[tuple[str, str, str]]:
    """(published name, head, convention) of every pinned output."""
    for name in FAMILIES:
        for head in HEADS:
            for convention in CONVENTIONS:
                yield name, head, convention


def build(name: str, head: str, convention: str) -> Any:
    """A small detector with initial weights from seed 0."""
    scaling = nas.Scaling(
        width=FAMILIES[name],
        alpha=0.5,
        endpoints=16,
        head_channels=16,
        head_depth=1,
        fc_channels=32,
        separable=name == "spinenet-mobile-49",
        activation="swish" if name == "spinenet-mobile-49" else "relu",
        convention=convention,
    )
    torch.manual_seed(0)
    return nas.build_detector(search_spaces.load(name), scaling, head, classes=5)


def initial_weights(detector: Any) -> float:
    """Mean magnitude over all weights: another order of drawing them gives another."""
    return float(torch.cat([x.detach().double().flatten() for x in detector.parameters()]).abs().mean())


def fill(detector: Any) -> None:
    """Weights that depend on their keys alone, in float64."""
    detector.double()
    with torch.no_grad():
        for key, value in detector.state_dict().items():
            rng = np.random.default_rng(zlib.crc32(key.encode()))
            drawn = torch.from_numpy(rng.standard_normal(tuple(value.shape)))
            if key.endswith("running_var"):
                value.copy_(1 + 0.1 * drawn.abs())
            elif value.dim() > 1:
                value.copy_(drawn * (2 / value[0].numel()) ** 0.5)
            else:
                value.copy_(0.1 * drawn + float(key.endswith("norm.weight")))


def outputs(name: str, head: str, convention: str) -> dict[str, list[float]]:
    """Figures of everything that a detector computes: raw outputs, losses, detections."""
    detector = build(name, head, convention)
    found = {"initial weights": [initial_weights(detector)]}
    fill(detector)
    images = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, SIDE, SIDE)))
    detector.eval()
    with torch.no_grad():
        raw = detector(images)
        found |= {f"raw {key}": value for key, value in figures(raw)}
        if head == "mask_rcnn":
            rois = [torch.tensor([[3.0, 5.0, 60.0, 90.0], [40.0, 8.0, 120.0, 100.0]], dtype=torch.float64)] * 2
            logits, codes = detector.box_outputs(raw["endpoints"], rois)
            masks = detector.mask_outputs(raw["endpoints"], rois, torch.tensor([1, 2, 3, 4]))
            found |= {f"regions {key}": value for key, value in figures([logits, codes, masks])}
        settings = DetectionSettings(score_threshold=0.0, detections=5)
        find = detector.classify if head == "classifier" else partial(detector.detect, settings=settings)
        for at, image in enumerate(find(images)):
            found |= {f"detections {at} {key}": value for key, value in figures(image)}
        torch.manual_seed(1)
        found |= {f"loss {key}": value for key, value in figures(detector.loss(raw, targets(head)))}
    detector.train()
    training = detector(images)
    found |= {f"training {key}": value for key, value in figures(training)}
    return found


def targets(head: str) -> list[dict[str, Tensor]]:
    """Two objects in each of two images, or each image's class."""
    if head == "classifier":
        return [{"labels": torch.tensor([1])}, {"labels": torch.tensor([3])}]
    boxes = torch.tensor([[10.0, 20.0, 70.0, 90.0], [50.0, 30.0, 110.0, 60.0]])
    masks = torch.zeros(2, SIDE, SIDE)
    masks[0, 20:90, 10:40] = 1
    masks[1, 30:60, 50:110] = 1
    return [{"boxes": boxes, "labels": torch.tensor([1, 4]), "masks": masks}] * 2


def figures(values: Any, prefix: str = "") -> Iterator[tuple[str, list[float]]]:
    """(path, size, mean magnitude, weighted sum) of every tensor in nested dictionaries and lists."""
    if isinstance(values, Tensor):
        flat = values.detach().double().flatten()
        weights = torch.linspace(-1.0, 1.0, len(flat), dtype=torch.float64)
        mean = float(flat.abs().mean()) if len(flat) else 0.0
        yield prefix, [float(len(flat)), mean, float((flat * weights).sum() / max(len(flat), 1))]
    elif isinstance(values, dict):
        for key, value in values.items():
            yield from figures(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(values, list | tuple) and not all(isinstance(value, int) for value in values):
        for at, value in enumerate(values):
            yield from figures(value, f"{prefix}[{at}]")


def decisions() -> dict[str, str]:
    """Controller -> hash of ``PROPOSALS`` proposals, each told a reward that its decisions give."""
    found = {}
    for name in ("ppo", "reinforce", "random"):
        controller = controllers.build(name, search_spaces.build("spinenet"), seed=0)
        sequences = []
        for _ in range(PROPOSALS):
            proposal = controller.ask()
            sequences.append(list(proposal.decisions))
            controller.tell(proposal, None if proposal.number % 7 == 3 else sum(proposal.decisions) / 300)
        found[name] = digest(json.dumps(sequences))
    return found


def made_files() -> dict[str, dict[str, list[float]]]:
    """Weights written by an earlier version -> figures of their raw outputs."""
    images = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 3, SIDE, SIDE)))
    found = {}
    for path in sorted(MADE.rglob("*.safetensors")):
        detector = nas.load_detector(path).double()
        with torch.no_grad():
            found[str(path.relative_to(MADE))] = dict(figures(detector(images)))
    return found


def observe() -> dict[str, Any]:
    """All pins."""
    return {
        "architectures": architectures(),
        "structures": structures(),
        "outputs": {" ".join(case): outputs(*case) for case in cases()},
        "decisions": decisions(),
        "made files": made_files(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    PINS.write_text(json.dumps(observe(), indent=1) + "\n", encoding="utf-8")
