"""``python -m nas.data data=folder data.root=DIR``: check a data set, fill its cache, say what is in it, on a page too.

``python -m nas.data import data.root=DIR out=NEW`` writes a data set of any format as COCO JSON, and
``python -m nas.data split data.root=DIR val=0.2`` makes train and val of one that has no val.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np

from nas.command_line import Config, run_command
from nas.command_line.data_files import configure, import_data, split_data
from nas.command_line.parts import make_data
from nas.command_line.run_folder import folder_name
from nas.datasets.facts import Facts, find_facts
from nas.datasets.quoting import shown_name
from nas.reporting.data_page import write_data_page
from nas.words import said_when_slow
from search_spaces.settings import positive

log = logging.getLogger("nas.data")

PAGES = Path("data_sets")


def work(config: Config) -> None:
    """Do what the first word says."""
    {"check": describe, "import": import_data, "split": split_data}[config["action"]](config)


def describe(config: Config) -> None:
    """Print images, objects per class and object sizes of the training split, and write the page."""
    positive("anchor_size", config["anchor_size"])
    name = config["data"]["name"]
    with said_when_slow(log, f"reading data set {name}"):
        data = make_data(config, config["image_size"])
    facts = find_facts(data)
    print(f"data set {name} (fingerprint {data.fingerprint}), images of {config['image_size']} px")
    print(f"  {len(data):,} images in the training split")
    _print_objects(facts)
    folder = PAGES / f"{folder_name(name)}-{data.fingerprint[:8]}" if config["out"] is None else Path(config["out"])
    page = write_data_page(data, name, folder, config["anchor_size"])
    print(f"  page: {shown_name(page)}")


def _print_objects(facts: Facts) -> None:
    sides = facts.square_sides()
    print(f"  {len(sides):,} objects, side (root of the box's area) of the smallest, median and largest:", end=" ")
    print(", ".join(f"{side:.1f}" for side in np.quantile(sides, (0, 0.5, 1))) + " px")
    for label, count in sorted(enumerate(facts.per_class.tolist()), key=lambda row: -row[1]):
        print(f"  {count:>8,}  {shown_name(facts.class_names[label])}")


if __name__ == "__main__":
    sys.exit(run_command("data", __doc__, work, configure))
