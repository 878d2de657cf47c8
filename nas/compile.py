"""``python -m nas.compile arch=NAME|FILE``: the detector of an architecture, what it costs, and files of it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import Any

import torch

from nas.command_line import run_command
from nas.config import Config
from nas.detectors import (
    PUBLISHED,
    Cost,
    DetectionSettings,
    Network,
    Scaling,
    build_detector,
    cost,
    load_detector,
    optimise,
)
from nas.detectors.build import load_published
from nas.detectors.devices import find_device
from nas.detectors.inference.latency import Latency, measure_latency
from nas.detectors.sizes import Size, check_image_size
from nas.export.files import write_files
from search_spaces.errors import ConfigError

SCALING_KEYS = tuple(field.name for field in dataclasses.fields(Scaling))
DEFAULT_SIZE = 640
DEFAULT_CLASSES = {"classifier": 1001}  # ImageNet with the background; 91 otherwise, COCO's


def compile_architecture(config: Config) -> None:
    """Print one detector's cost and write its files, or with no architecture print a row for each published one."""
    if config["format"] not in ("table", "json"):
        raise ConfigError(f"format is {config['format']!r}; allowed: table, json.")
    if config["fast"] and not config["measure"]:
        raise ConfigError("fast is for measure=true; in Python nas.optimise(detector) makes the fast copy.")
    single = config["arch"] is not None or config["weights"] is not None
    for key, verb in (("out", "write"), ("measure", "measure")):
        if config[key] and not single:
            raise ConfigError(f"{key} is given without arch or weights; one of them says which detector to {verb}.")
    rows = []
    for name in [config["arch"]] if single else list(PUBLISHED):
        detector = make_detector(name, config)
        size = image_size_of(name, detector, config)
        rows.append(describe(name, detector, size, cost(detector, size), config))
    if config["format"] == "table":
        print_table(rows)
    if config["out"] is not None:
        image = None if config["image"] is None else str(config["image"])
        settings = DetectionSettings(score_threshold=config["score_threshold"])
        rows[0]["files"] = write_files(detector, size, str(config["out"]), image, settings)
        if config["format"] == "table":
            print_files(rows[0]["files"])
    if config["measure"]:
        measured = measure(detector, size, config)
        rows[0]["latency"] = dataclasses.asdict(measured)
        if config["format"] == "table":
            print(f"\n{measured}")
    if config["format"] == "json":
        print(json.dumps(rows[0] if single else rows))


def make_detector(name: str | None, config: Config) -> Network:
    """The detector of a name or file, or of the weights; without values where it is not to be written.

    Raises:
        ConfigError: a setting and the weights disagree.
    """
    changed = {key: config[key] for key in SCALING_KEYS if config[key] is not None}
    if config["weights"] is not None:
        return _with_weights(name, changed, config)
    head = config["head"] or "retinanet"
    architecture, scaling = load_published(str(name), head)
    classes = config["classes"] if config["classes"] is not None else DEFAULT_CLASSES.get(head, 91)
    torch.manual_seed(0)
    with torch.device("cpu" if config["out"] or config["measure"] else "meta"):
        return build_detector(architecture, dataclasses.replace(scaling, **changed), head, classes)


def _with_weights(name: str | None, changed: Mapping[str, Any], config: Config) -> Network:
    path = str(config["weights"])
    detector = load_detector(path)
    own = {"head": detector.head_name, "classes": detector.classes, **dataclasses.asdict(detector.scaling)}
    wanted = {key: config[key] for key in ("head", "classes") if config[key] is not None} | dict(changed)
    if name is not None:
        architecture, scaling = load_published(name, detector.head_name)
        if architecture.fingerprint != detector.architecture.fingerprint:
            raise ConfigError(f"weights {path}: they are of another architecture than {name}; leave arch out.")
        if name in PUBLISHED:
            sizes = ("width", "alpha", "repeats", "endpoints", "head_channels", "head_depth")
            wanted = {key: getattr(scaling, key) for key in sizes} | wanted
    for key, value in wanted.items():
        if own[key] != value:
            given = key if config[key] is not None else "arch"
            raise ConfigError(f"weights {path}: their {key} is {own[key]!r}, not {value!r}; leave {given} out.")
    return detector


def image_size_of(name: str | None, detector: Network, config: Config) -> Size:
    """(height, width) to count for.

    Raises:
        ConfigError: a side is no multiple of the finest endpoint's stride, or of what the detector needs.
    """
    value = config["image_size"]
    if value is None:
        listed = config["arch"] is None and config["weights"] is None
        value = PUBLISHED[name].size_for(detector.head_name) if listed and name is not None else DEFAULT_SIZE
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2 or any(not isinstance(side, int) or isinstance(side, bool) or side < 1 for side in sides):
        raise ConfigError(f"image_size is {value!r}; it must be a positive integer, or [height, width] of them.")
    size = (sides[0], sides[1])
    check_image_size(size, max(2**detector.architecture.min_level, detector.backbone.multiple))
    return size


def describe(name: str | None, detector: Network, size: Size, counted: Cost, config: Config) -> dict[str, Any]:
    """A row of the table, and the JSON object."""
    row = {
        "architecture": name or str(config["weights"]),
        "fingerprint": detector.architecture.fingerprint,
        "head": detector.head_name,
        "classes": detector.classes,
        "image_size": size[0] if size[0] == size[1] else list(size),
        "params_trainable": counted.params_trainable,
        "params_batch_norm_statistics": counted.params_batch_norm_statistics,
        "multiply_adds": counted.multiply_adds,
        "activation_bytes": counted.activation_bytes,
        "scaling": dataclasses.asdict(detector.scaling),
    }
    return row | ({"blocks": [dataclasses.asdict(block) for block in counted.blocks]} if config["blocks"] else {})


def print_table(rows: list[dict[str, Any]]) -> None:
    """One row for each detector, or for each of its parts."""
    width = max(20, *(len(row["architecture"]) for row in rows))
    numbers = f"{'parameters':>14} {'BN statistics':>14} {'multiply-adds':>16}"
    print(f"{'architecture':<{width}} {'head':<10} {'size':>11} {numbers}")
    for row in rows:
        side = row["image_size"]
        size = f"{side[0]} x {side[1]}" if isinstance(side, list) else str(side)
        print(f"{row['architecture']:<{width}} {row['head']:<10} {size:>11} {_numbers(row)}")
        if "blocks" not in row:
            continue
        print(f"\n{'part':<{width}} {'level':>11} {numbers} {'activations':>13}")
        for block in row["blocks"]:
            level = "" if block["level"] is None else block["level"]
            megabytes = f"{block['activation_bytes'] / 1e6:>10.2f} MB"
            print(f"{block['name']:<{width}} {level:>11} {_numbers(block)} {megabytes}")
        print(f"{'all':<{width}} {'':>11} {_numbers(row)} {row['activation_bytes'] / 1e6:>10.2f} MB")


def _numbers(row: Mapping[str, Any]) -> str:
    trainable, statistics = row["params_trainable"], row["params_batch_norm_statistics"]
    return f"{trainable:>14,} {statistics:>14,} {row['multiply_adds'] / 1e9:>14.3f} G"


def measure(detector: Network, size: Size, config: Config) -> Latency:
    """Latency and peak memory of the detector, or of its fast copy."""
    settings = {key: config[key] for key in ("batch", "precision", "device", "warmup", "runs", "postprocessing")}
    device = find_device(config["device"])
    if config["fast"]:
        if device.type == "cpu" and config["precision"] != "float32":
            raise ConfigError(
                f"precision is {config['precision']!r}; the fast copy on a CPU computes in float32 alone."
            )
        detector = optimise(detector.eval().to(device))
    return measure_latency(detector, size, **settings)


def print_files(rows: list[dict[str, Any]]) -> None:
    """One line for each file, with how far it is from the detector."""
    print(f"\ncompared with the detector in PyTorch on {rows[0]['image']}, largest differences:")
    for row in rows:
        words = ", ".join(f"{name} {value:.3g}" for name, value in row["differences"].items())
        print(f"{row['file']}  {row['bytes'] / 1e6:.1f} MB  {words}")
    if any(row["differences"].get("count") == 0 for row in rows):
        print("no score is above the threshold, so no detection was compared: give weights=, or score_threshold= lower")


if __name__ == "__main__":
    sys.exit(run_command("compile", __doc__, compile_architecture))
