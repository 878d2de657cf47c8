"""Random architectures from the SpineNet space, each compiled and put to every use.

    python results/random_architectures/measure.py [count=1000] [seed=0] [programs=1000]

Each is compiled small (width 0.1, 8 endpoint channels, 3 classes), run forward and backward at 128 px (five levels of
the right sizes, a gradient for every weight), written as JSON and read again, relabelled at random, and exported as a
bundle; every one of these must give the same outputs from the same weights. ``programs`` of them go through
torch.export as well, the slowest part. Writes summary.json beside this file when count is at least 1000.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

import search_spaces
from nas.detectors import Scaling, build_detector
from nas.detectors.detector import Network, in_evaluation
from nas.detectors.layers import BatchNorm
from nas.detectors.parts import Role
from nas.export.bundle import check_bundle, write_bundle
from nas.export.program import largest_difference
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec

SIDE = 128
TINY = Scaling(width=0.1, alpha=0.5, endpoints=8, head_channels=8, head_depth=1)
TOLERANCE = 1e-4  # float32, sums in another order


def main(arguments: list[str]) -> None:
    """Check, count, and say how far apart outputs were at most."""
    options = {"count": 1000, "seed": 0, "programs": 1000, **{k: int(v) for k, v in (a.split("=") for a in arguments)}}
    rng, space = Random(options["seed"]), search_spaces.build("spinenet")
    generator = np.random.default_rng(options["seed"])
    torch.manual_seed(options["seed"])
    worst = {"json": 0.0, "relabelled": 0.0, "bundle": 0.0, "program": 0.0}
    fingerprints, started = set(), time.monotonic()
    for number in range(options["count"]):
        architecture = space.sample(generator)
        fingerprints.add(architecture.fingerprint)
        for name, value in check(architecture, rng, program=number < options["programs"]).items():
            worst[name] = max(worst[name], value)
            assert value < TOLERANCE, f"architecture {number} ({architecture.fingerprint}): {name} differs by {value}"
        report(number + 1, options["count"], started)
    summary = {**options, "different": len(fingerprints), "largest_difference": worst}
    print(json.dumps(summary))
    if options["count"] >= 1000:
        Path(__file__).with_name("summary.json").write_text(json.dumps(summary, indent=2) + "\n")


def report(done: int, count: int, started: float) -> None:
    """A line on standard error every now and then, with rate and time left."""
    if done % 20 == 0 or done == count:
        rate = done / (time.monotonic() - started)
        print(f"{done}/{count}, {rate:.2f}/s, {(count - done) / rate / 60:.1f} min left", file=sys.stderr, flush=True)


def check(architecture: Architecture, rng: Random, program: bool) -> dict[str, float]:
    """Use of an architecture -> largest difference between its outputs and the detector's own."""
    detector = build_detector(architecture, TINY, classes=3)
    images = torch.randn(2, 3, SIDE, SIDE)
    train_once(detector, images)
    detector.eval()
    with torch.no_grad():
        expected = detector(images)
        same = build_detector(Architecture.from_json(architecture.to_json()), TINY, classes=3).eval()
        same.load_state_dict(detector.state_dict())
        found = {"json": largest_difference(same(images), expected)}
        other, new_index = relabel(architecture, rng)
        assert other.fingerprint == architecture.fingerprint
        twin = build_detector(other, TINY, classes=3).eval()
        move_weights(detector, twin, new_index)
        found["relabelled"] = largest_difference(twin(images), expected)
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(detector, Path(folder) / "bundle")
        found["bundle"] = check_bundle(Path(folder) / "bundle", detector, images)
        if program:
            with in_evaluation(detector):
                exported = torch.export.export(detector, (images,)).module()
                found["program"] = largest_difference(exported(images), expected)
    return found


def train_once(detector: Network, images: Tensor) -> None:
    """Forward and backward; sizes of the five levels, a gradient everywhere, and statistics unlike the initial ones."""
    raw = detector(images)
    for level in range(3, 8):
        side = SIDE // 2**level
        assert raw["endpoints"][level].shape == (2, 8, side, side)
        assert raw["class"][level].shape == (2, 27, side, side)
        assert raw["box"][level].shape == (2, 36, side, side)
    boxes = torch.tensor([[10.0, 20.0, 60.0, 90.0], [30.0, 5.0, 120.0, 125.0]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 2])}
    sum(detector.loss(raw, [target, target]).values()).backward()  # type: ignore[union-attr]
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert parameter.grad.isfinite().all(), f"{name} has a gradient that is not finite"
    for module in detector.modules():
        if isinstance(module, BatchNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
            module.running_var.uniform_(0.5, 1.5)


def relabel(architecture: Architecture, rng: Random) -> tuple[Architecture, dict[int, int]]:
    """Another order of the intermediate blocks in which parents still come first; and old index -> new index."""
    first, nodes = len(architecture.stem), architecture.nodes
    split = next(index for index in range(first, len(nodes)) if nodes[index].is_output)
    placed, waiting = list(range(first)), list(range(first, split))
    while waiting:
        chosen = rng.choice([index for index in waiting if set(nodes[index].parents) <= set(placed)])
        placed.append(chosen)
        waiting.remove(chosen)
    placed += range(split, len(nodes))
    new = {old: at for at, old in enumerate(placed)}
    blocks = []
    for old in placed[first:]:
        parents = [new[parent] for parent in nodes[old].parents]
        rng.shuffle(parents)
        blocks.append(BlockSpec(nodes[old].level, nodes[old].block_type, tuple(parents), nodes[old].is_output))
    low, high = architecture.min_level, architecture.max_level
    return Architecture(architecture.stem, tuple(blocks), low, high), new


def move_weights(source: Network, target: Network, new_index: dict[int, int]) -> None:
    """Copy the weights of every role to the same role under its new node indices."""
    there, values, places = dict(target.roles()), source.state_dict(), target.state_dict()
    for role, weight in source.roles():
        place = there[renamed(role, new_index)]
        rows = values[weight.key][weight.first : weight.last]
        places[place.key][place.first : place.last].copy_(rows)


def renamed(role: Role, new_index: dict[int, int]) -> Role:
    """A role with its node indices replaced."""
    node, parent = (None if index is None else new_index[index] for index in (role.node, role.parent))
    return replace(role, node=node, parent=parent)


if __name__ == "__main__":
    main(sys.argv[1:])
