"""``python -m nas.compile arch=NAME|FILE``: the detector of an architecture, what it costs, and files of it.

PyTorch takes seconds to import, so each function imports what needs it, and help and ``--cfg`` come at once.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from nas.command_line import Config, run_command
from nas.command_line.checks import check_format
from nas.command_line.cost_table import cost_row, print_costs, print_files
from proxies.reward import IMAGE_SIZE
from search_spaces.errors import ConfigError

if TYPE_CHECKING:
    from nas.detectors import Network
    from nas.detectors.inference.latency import Latency
    from nas.detectors.sizes import Size


def compile_architecture(config: Config) -> None:
    """Print one detector's cost and write its files, or with no architecture print a row for each published one."""
    check_format(config)
    if config["fast"] and not config["measure"]:
        raise ConfigError("fast is for measure=true; in Python nas.optimise(detector) makes the fast copy.")
    single = config["arch"] is not None or config["weights"] is not None
    for key, verb in (("out", "write"), ("measure", "measure")):
        if config[key] and not single:
            raise ConfigError(f"{key} is given without arch or weights; one of them says which detector to {verb}.")
    if single:
        compile_one(config)
    else:
        list_published(config)


def list_published(config: Config) -> None:
    """Print the cost of every published detector, at ``image_size`` or else at the size it was published for."""
    from nas.command_line.detector import make_detector, read_image_size
    from nas.detectors import PUBLISHED, cost

    rows = []
    for name, published in PUBLISHED.items():
        detector = make_detector({**config, "arch": name}, with_values=False)
        side = config["image_size"]
        size = read_image_size(published.size_for(detector.head_name) if side is None else side, detector)
        rows.append(cost_row(name, detector, size, cost(detector, size), config["blocks"]))
    if config["format"] == "json":
        print(json.dumps(rows))
    else:
        print_costs(rows)


def compile_one(config: Config) -> None:
    """Print the cost of one detector, write its files and measure it, as far as that was asked for."""
    from nas.command_line.detector import make_detector, read_image_size
    from nas.detectors import cost

    table = config["format"] == "table"
    detector = make_detector(config, with_values=bool(config["out"] or config["measure"]))
    size = read_image_size(IMAGE_SIZE if config["image_size"] is None else config["image_size"], detector)
    name = str(config["weights"] if config["arch"] is None else config["arch"])
    row = cost_row(name, detector, size, cost(detector, size), config["blocks"])
    if table:
        print_costs([row])
    if config["out"] is not None:
        from nas.detectors import DetectionSettings
        from nas.export.files import write_files

        image = None if config["image"] is None else str(config["image"])
        settings = DetectionSettings(score_threshold=config["score_threshold"])
        row["files"] = write_files(detector, size, str(config["out"]), image, settings)
        if table:
            print_files(row["files"])
    if config["measure"]:
        measured = measure(detector, size, config)
        row["latency"] = dataclasses.asdict(measured)
        if table:
            print(f"\n{measured}")
    if not table:
        print(json.dumps(row))


def measure(detector: Network, size: Size, config: Config) -> Latency:
    """Latency and peak memory of the detector, or of its fast copy."""
    from nas.detectors import optimise
    from nas.detectors.devices import find_device
    from nas.detectors.inference.compiling import compiling
    from nas.detectors.inference.latency import measure_latency

    settings = {key: config[key] for key in ("batch", "precision", "device", "warmup", "runs", "postprocessing")}
    device = find_device(config["device"])
    if config["fast"]:
        if device.type == "cpu" and config["precision"] != "float32":
            raise ConfigError(
                f"precision is {config['precision']!r}; the fast copy on a CPU computes in float32 alone."
            )
        with compiling():
            return measure_latency(optimise(detector.eval().to(device)), size, **settings)
    return measure_latency(detector, size, **settings)


if __name__ == "__main__":
    sys.exit(run_command("compile", __doc__, compile_architecture))
