"""``python -m nas.compile arch=NAME|FILE``: the detector of an architecture, its parameters and multiply-adds."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import torch

from nas.command_line import run_command
from nas.config import Config
from nas.detectors import build_detector, cost
from nas.detectors.build import load_published
from nas.detectors.published import PUBLISHED
from search_spaces.errors import ConfigError

SCALING_KEYS = ("width", "alpha", "repeats", "endpoints", "head_channels")


def describe(config: Config) -> None:
    """Print one detector's cost, or with no architecture a row for each published one."""
    if config["format"] not in ("table", "json"):
        raise ConfigError(f"format is {config['format']!r}; allowed: table, json.")
    names = [config["arch"]] if config["arch"] else sorted(PUBLISHED)
    rows = [_row(name, config) for name in names]
    if config["format"] == "json":
        print(json.dumps(rows[0] if config["arch"] else rows))
        return
    size = f"at {config['image_size']} px"
    print(f"{'architecture':<20} {'parameters':>14} {'BN statistics':>14} {'multiply-adds':>16}   {size}")
    for row in rows:
        print(
            f"{row['architecture']:<20} {row['params_trainable']:>14,} {row['params_batch_norm_statistics']:>14,}"
            f" {row['multiply_adds'] / 1e9:>14.3f} G"
        )


def _row(name: str, config: Config) -> dict[str, Any]:
    architecture, scaling = load_published(name)
    changed = {key: config[key] for key in SCALING_KEYS if config[key] is not None}
    scaling = dataclasses.replace(scaling, **changed)
    with torch.device("meta"):
        detector = build_detector(architecture, scaling, head=config["head"], classes=config["classes"])
    counted = cost(detector, config["image_size"])
    return {
        "architecture": name,
        "fingerprint": architecture.fingerprint,
        "head": config["head"],
        "classes": config["classes"],
        "image_size": config["image_size"],
        "params_trainable": counted.params_trainable,
        "params_batch_norm_statistics": counted.params_batch_norm_statistics,
        "multiply_adds": counted.multiply_adds,
    }


if __name__ == "__main__":
    sys.exit(run_command("compile", __doc__, describe))
