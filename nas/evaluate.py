"""``python -m nas.evaluate weights=FILE data=... split=val``: how well a trained detector does on a split.

COCO's numbers for boxes and masks, the same by class and by size, the score from which on a detection should count,
what is taken for what, and how long an image takes. ``out=DIR`` writes it all, and the detections.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.command_line import Config, run_command
from nas.command_line.run_folder import output_folder
from nas.words import Countdown, plural, said_when_slow

if TYPE_CHECKING:
    from nas.command_line.trained import Trained
    from nas.datasets.dataset import DetectionData
    from nas.evaluation.evaluation import Evaluation

log = logging.getLogger("nas.evaluate")


def evaluate(config: Config) -> None:
    """Detect in every image of the split, and print and write what the comparison with its objects says."""
    with said_when_slow(log, "loading PyTorch and the weights"):
        from nas.command_line.evaluation_table import evaluation_tables
        from nas.command_line.parts import make_split
        from nas.command_line.trained import batch_size, load_trained, map_classes
        from nas.evaluation.evaluation import evaluate_detections

        trained = load_trained(config, "evaluation")
    batch = batch_size(config["batch"], trained)
    with said_when_slow(log, f"reading data set {config['data']['name']}"):
        data, indices = make_split(config, trained.image_size)
    classes = map_classes(trained, data)
    folder = output_folder(config["out"])
    print(f"{trained.name}: {trained.describe()}")
    print(f"split {config['split']} of data set {config['data']['name']}: {which_images(config, data, indices)}")
    if classes.remark:
        print(f"{classes.remark}.")
    found = classes.relabel(detect(config, trained, data, indices, batch))
    evaluation = evaluate_detections(found, data, indices, config["overlap"], config["threshold"])
    print(f"\n{evaluation_tables(evaluation)}\n")
    about = describe(config, trained, data, [f"{classes.remark}."] if classes.remark else [])
    if "latency" in about:
        print(f"{about['latency']['text']}\n")
    if folder is None:
        print("out=DIR writes detections, tables, pictures and a page.")
    else:
        write(evaluation, found, data, indices, about, folder)


def which_images(config: Config, data: DetectionData, indices: tuple[int, ...]) -> str:
    """How many images are measured, of how many, and the file that they come from."""
    if config["split"] != "reserved":
        return f"{plural(len(indices), 'image')}, {data.source}"
    kept = f"{len(indices):,} of the {plural(len(data), 'image')} of the training split"
    return f"{kept}, reserved with seed {config['reserve_seed']}, {data.source}"


def detect(
    config: Config, trained: Trained, data: DetectionData, indices: tuple[int, ...], batch: int
) -> list[dict[str, Any]]:
    """What is found in each image, with the detector's own labels."""
    from nas.detectors import DetectionSettings
    from nas.evaluation import detect_in

    settings = DetectionSettings(score_threshold=config["score_threshold"])
    countdown = Countdown(log, "detecting in images", len(indices))
    return detect_in(trained.detector, data, indices, batch, settings, done=countdown.done)


def describe(config: Config, trained: Trained, data: DetectionData, remarks: list[str]) -> dict[str, Any]:
    """What was measured and how, for the files; the detector is timed here."""
    from nas.command_line.trained import about_trained
    from nas.detectors.inference.latency import measure_latency
    from nas.engine.provenance import collect_provenance

    about = {
        **about_trained(trained),
        "data": config["data"]["name"],
        "split": config["split"],
        "source": data.source,
        "fingerprint": data.fingerprint,
        "remarks": remarks,
        "score_threshold": config["score_threshold"],
        **collect_provenance(),
    }
    if config["measure"]:
        side = trained.image_size
        latency = measure_latency(trained.detector, (side, side), device=config["device"])
        about["latency"] = {**dataclasses.asdict(latency), "text": str(latency)}
    return about


def write(
    evaluation: Evaluation,
    found: list[dict[str, Any]],
    data: DetectionData,
    indices: tuple[int, ...],
    about: dict[str, Any],
    folder: Path,
) -> None:
    """Write the files and say which."""
    from nas.evaluation.results_list import to_results
    from nas.reporting.evaluation import write_evaluation

    written = write_evaluation(evaluation, to_results(found, data, indices), about, folder)
    print(f"written to {folder}: {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    sys.exit(run_command("evaluate", __doc__, evaluate))
