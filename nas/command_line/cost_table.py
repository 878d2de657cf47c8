"""What a detector costs, and the files that were written of it, as a table on the terminal and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.detectors import Cost, Network
    from nas.detectors.sizes import Size

Row = dict[str, Any]


def cost_row(name: str, detector: Network, size: Size, counted: Cost, blocks: bool) -> Row:
    """A row of the table, and the JSON object.

    Args:
        name: what the detector is called.
        size: (height, width) that the cost was counted for, in pixels.
        counted: the cost.
        blocks: whether the row has the cost of each part.
    """
    row = {
        "architecture": name,
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
    return row | ({"blocks": [dataclasses.asdict(block) for block in counted.blocks]} if blocks else {})


def print_costs(rows: Sequence[Row]) -> None:
    """One line for each detector, and one for each of its parts where the row has them."""
    width = max(20, *(len(row["architecture"]) for row in rows))
    numbers = f"{'parameters':>14} {'BN statistics':>14} {'multiply-adds':>16}"
    print(f"{'architecture':<{width}} {'head':<10} {'size':>11} {numbers}")
    for row in rows:
        side = row["image_size"]
        size = f"{side[0]} x {side[1]}" if isinstance(side, list) else str(side)
        print(f"{row['architecture']:<{width}} {row['head']:<10} {size:>11} {_numbers(row)}")
        if "blocks" in row:
            print(f"\n{'part':<{width}} {'level':>11} {numbers} {'activations':>13}")
            _print_blocks(row, width)


def _print_blocks(row: Row, width: int) -> None:
    for block in row["blocks"]:
        level = "" if block["level"] is None else block["level"]
        print(f"{block['name']:<{width}} {level:>11} {_numbers(block)} {block['activation_bytes'] / 1e6:>10.2f} MB")
    print(f"{'all':<{width}} {'':>11} {_numbers(row)} {row['activation_bytes'] / 1e6:>10.2f} MB")


def _numbers(row: Mapping[str, Any]) -> str:
    trainable, statistics = row["params_trainable"], row["params_batch_norm_statistics"]
    return f"{trainable:>14,} {statistics:>14,} {row['multiply_adds'] / 1e9:>14.3f} G"


def print_files(rows: Sequence[Row]) -> None:
    """One line for each file, with its size and how far it is from the detector.

    Args:
        rows: what :func:`nas.export.files.write_files` gives.
    """
    print(f"\ncompared with the detector in PyTorch on {rows[0]['image']}, largest differences:")
    for row in rows:
        words = ", ".join(f"{name} {value:.3g}" for name, value in row["differences"].items())
        print(f"{row['file']}  {row['bytes'] / 1e6:.1f} MB  {words}")
    if any(row["differences"].get("count") == 0 for row in rows):
        print("no score is above the threshold, so no detection was compared: give weights=, or score_threshold= lower")
