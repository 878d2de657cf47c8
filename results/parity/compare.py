"""Convert every parity case, run it, and write how far its outputs lie from those of the code it comes from.

    python results/parity/compare.py CASES [--only NAME ...] [--out results/parity/parity.csv]

CASES is a folder that ``make_cases.py`` made. Reading the checkpoints needs TensorFlow, running the detectors does not.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import search_spaces
from nas.checkpoints import convert
from nas.detectors.convention import CONVENTIONS
from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Detector
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.postprocess import postprocess
from nas.detectors.heads.retinanet import RetinaNet
from nas.detectors.heads.rpn import ProposalSettings
from search_spaces.architecture import SCHEMA_VERSION, Architecture
from search_spaces.block import BlockSpec

Arrays = Mapping[str, np.ndarray]
HEADS = {"retinanet": "retinanet", "maskrcnn": "mask_rcnn"}
YX = [1, 0, 3, 2]  # y1, x1, y2, x2 <-> x1, y1, x2, y2
SPARE = 100  # detections asked for beyond those of a case, since some are left out
RESNET_GROUPS = {14: (1, 1, 1, 1), 50: (3, 4, 6, 3)}
QUANTITIES = (
    *("endpoints", "class", "box", "proposals", "roi_class", "roi_box", "given_class", "given_box", "given_mask"),
    *("detection_boxes", "detection_scores", "detection_masks"),
)


@dataclass(slots=True)
class Difference:
    """Largest absolute difference and largest magnitude of one output over all its arrays."""

    difference: float = 0.0
    magnitude: float = 0.0

    def add(self, actual: np.ndarray, expected: np.ndarray) -> None:
        """Take in one array; another shape is infinitely far away."""
        same = actual.shape == expected.shape
        largest = float(np.abs(actual - expected).max(initial=0.0)) if same else np.inf
        self.difference = max(self.difference, largest)
        self.magnitude = max(self.magnitude, float(np.abs(expected).max(initial=0.0)))


def architecture_of(meta: Mapping[str, Any]) -> Architecture:
    """The architecture of a case."""
    low, high = meta["min_level"], meta["max_level"]
    if meta["backbone"] != "resnet":
        keys = {key: meta[key] for key in ("stem", "blocks")}
        return Architecture.from_dict({"schema_version": SCHEMA_VERSION, "min_level": low, "max_level": high, **keys})
    if meta["resnet_depth"] == 50:
        return search_spaces.load("r50-fpn" if low == 3 else f"r50-fpn-{low}-{high}")
    published = search_spaces.load("r50-fpn")
    groups = RESNET_GROUPS[meta["resnet_depth"]]
    levels = [level for level, count in enumerate(groups, 2) for _ in range(count)]
    stem = tuple(BlockSpec(level, parents=(at - 1,) if at else ()) for at, level in enumerate(levels))
    return _moved(published, stem)


def _moved(architecture: Architecture, stem: tuple[BlockSpec, ...]) -> Architecture:
    """An architecture on another ResNet: a pyramid level that read the last block of a group reads the new last one."""
    last = {block.level: at for at, block in enumerate(stem)}
    old = len(architecture.stem)

    def move(parent: int) -> int:
        return parent - old + len(stem) if parent >= old else last[architecture.stem[parent].level]

    blocks = tuple(
        BlockSpec(block.level, block.block_type, tuple(move(parent) for parent in block.parents), block.is_output)
        for block in architecture.blocks
    )
    return Architecture(stem, blocks, architecture.min_level, architecture.max_level)


def compare(meta: Mapping[str, Any], expected: Arrays, detector: Detector) -> dict[str, Difference]:
    """How far the detector's outputs lie from the case's, by name of ``QUANTITIES``."""
    found: dict[str, Difference] = {}
    images = torch.from_numpy(expected["image"].astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        raw = detector(images)
    prefixes = {"endpoints": "endpoint", "class": "cls", "box": "box"}
    if isinstance(detector, MaskRCNN):
        prefixes |= {"class": "rpn_scores", "box": "rpn_boxes"}
    for name, prefix in prefixes.items():
        found[name] = Difference()
        for level, x in raw[name].items():
            found[name].add(x.permute(0, 2, 3, 1).numpy(), expected[f"{prefix}_{level}"])
    sizes = [(int(height), int(width)) for height, width in expected["image_shape"]]
    if isinstance(detector, MaskRCNN):
        _compare_regions(meta, expected, detector, raw, sizes, found)
    elif isinstance(detector, RetinaNet):
        settings = DetectionSettings(detections=meta["max_detections"] + SPARE)
        classes, codes, anchors = detector.flatten(raw)
        inclusive = detector.scaling.inclusive_pixels
        detections = [
            postprocess(classes[at : at + 1], codes[at : at + 1], anchors, size, settings, inclusive)[0]
            for at, size in enumerate(sizes)
        ]
        _compare_detections(expected, detections, detector.scaling.convention, found)
    return found


def _compare_regions(
    meta: Mapping[str, Any],
    expected: Arrays,
    detector: MaskRCNN,
    raw: Mapping[str, Any],
    sizes: Sequence[tuple[int, int]],
    found: dict[str, Difference],
) -> None:
    """Proposals, heads on the case's own proposals and on given regions, detections from its own proposals."""
    limit = ProposalSettings(limit=meta["num_proposals"])
    own = [torch.from_numpy(np.ascontiguousarray(image[:, YX])) for image in expected["rois"]]
    found["proposals"] = Difference()
    for at, size in enumerate(sizes):
        ours = detector.proposals(raw, size, limit)[at].numpy()
        padded = np.zeros((meta["num_proposals"], 4), np.float32)
        padded[: len(ours)] = ours
        found["proposals"].add(padded, own[at].numpy())
    _compare_heads(expected, detector, raw, own, found, "class_outputs", "box_outputs", "roi")
    if "given_class_outputs" in expected:
        given = [torch.from_numpy(np.ascontiguousarray(image[:, YX])) for image in expected["given_rois"]]
        _compare_heads(expected, detector, raw, given, found, "given_class_outputs", "given_box_outputs", "given")
        labels = torch.from_numpy(expected["given_classes"].astype(np.int64)).flatten()
        with torch.no_grad():
            masks = detector.mask_outputs(raw["endpoints"], given, labels)
        found["given_mask"] = Difference()
        found["given_mask"].add(masks.unflatten(0, (len(given), -1)).numpy(), expected["given_mask_logits"])
    candidates = CONVENTIONS[detector.scaling.convention].roi_candidates
    settings = DetectionSettings(candidates=candidates, detections=meta["max_detections"] + SPARE)
    detections = []
    for at, size in enumerate(sizes):
        endpoints = {level: x[at : at + 1] for level, x in raw["endpoints"].items()}
        detections += detector.detections(endpoints, [own[at]], size, settings)
    _compare_detections(expected, detections, detector.scaling.convention, found)


def _compare_heads(
    expected: Arrays,
    detector: MaskRCNN,
    raw: Mapping[str, Any],
    rois: Sequence[Tensor],
    found: dict[str, Difference],
    classes: str,
    boxes: str,
    name: str,
) -> None:
    with torch.no_grad():
        logits, codes = detector.box_outputs(raw["endpoints"], rois)
    codes = codes.unflatten(1, (-1, 4)).flatten(1)
    for part, actual, key in (("class", logits, classes), ("box", codes, boxes)):
        found[f"{name}_{part}"] = Difference()
        found[f"{name}_{part}"].add(actual.unflatten(0, (len(rois), -1)).numpy(), expected[key])


def _compare_detections(
    expected: Arrays, detections: Sequence[Mapping[str, Tensor]], convention: str, found: dict[str, Difference]
) -> None:
    """Of each image as many as the case found; other classes are infinitely far away.

    TF Model Garden's suppression does not take a box for one whose corners all lie at the origin; such are left out.
    """
    names = [name for name in ("boxes", "scores", "masks") if f"detection_{name}" in expected]
    for name in names:
        found[f"detection_{name}"] = Difference()
    for at, image in enumerate(detections):
        count = int(expected["num_detections"][at])
        kept = image["boxes"].any(dim=1) if convention == "model_garden" else torch.ones_like(image["labels"]).bool()
        ours = {name: value[kept][:count].numpy() for name, value in image.items()}
        ours["boxes"] = ours["boxes"][:, YX]
        same = np.array_equal(ours["labels"], expected["detection_classes"][at, :count])
        for name in names:
            actual = ours[name] if same else np.empty(0)
            found[f"detection_{name}"].add(actual, expected[f"detection_{name}"][at, :count])


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """One row for each checkpoint of a case; classifiers have none."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if meta["task"] not in HEADS:
        return
    source, head = "tpu" if "tensorflow/tpu" in meta["source"] else "model_garden", HEADS[meta["task"]]
    settings = {key: meta[key] for key in ("activation", "anchor_size", "bn_epsilon")}
    with np.load(folder / "io.npz") as file:
        expected = {name: file[name] for name in file.files}
    for checkpoint in meta["checkpoints"]:
        detector = convert(source, folder / checkpoint, architecture_of(meta), head, settings=settings)
        found = compare(meta, expected, detector)
        layout = checkpoint.removeprefix("ckpt_") if source == "model_garden" else "saver"
        row = {"case": folder.name, "layout": layout, "source": source, "head": head}
        for name in QUANTITIES:
            if name in found:
                row[name] = f"{found[name].difference:.1e}"
                row[f"{name}_magnitude"] = f"{found[name].magnitude:.3g}"
        yield row


def main() -> None:
    """Write the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--only", nargs="*", help="names of cases; all without it")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("parity.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    fields = [
        "case",
        "layout",
        "source",
        "head",
        *(f"{name}{end}" for name in QUANTITIES for end in ("", "_magnitude")),
    ]
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for folder in sorted(path.parent for path in arguments.cases.glob("*/meta.json")):
            if arguments.only and folder.name not in arguments.only:
                continue
            for row in rows(folder):
                writer.writerow(row)
                file.flush()
                print(" ".join(str(value) for key, value in row.items() if not key.endswith("_magnitude")), flush=True)


if __name__ == "__main__":
    main()
