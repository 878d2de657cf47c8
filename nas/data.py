"""``python -m nas.data data=coco data.root=DIR``: check a data set, fill its cache, say what is in it."""

from __future__ import annotations

import logging
import sys

import numpy as np

from nas.command_line import Config, run_command
from nas.command_line.parts import make_data
from nas.datasets.quoting import shown_name
from nas.words import said_when_slow

log = logging.getLogger("nas.data")


def describe(config: Config) -> None:
    """Print images, objects per class and object sizes of the training split."""
    with said_when_slow(log, f"reading data set {config['data']['name']}"):
        data = make_data(config, config["image_size"])
    objects = [data.objects(index) for index in range(len(data))]
    boxes, labels = (np.concatenate([getattr(one, name) for one in objects]) for name in ("boxes", "labels"))
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    counts = np.bincount(labels, minlength=len(data.class_names) + 1)[1:]
    print(f"data set {config['data']['name']} (fingerprint {data.fingerprint}), images of {config['image_size']} px")
    print(f"  {len(data):,} images in the training split")
    print(f"  {len(boxes):,} objects, side (root of the box's area) of the smallest, median and largest:", end=" ")
    print(", ".join(f"{side:.1f}" for side in np.quantile(sides, (0, 0.5, 1))) + " px")
    for label, count in sorted(enumerate(counts), key=lambda row: -row[1]):
        print(f"  {count:>8,}  {shown_name(data.class_names[label])}")


if __name__ == "__main__":
    sys.exit(run_command("data", __doc__, describe))
