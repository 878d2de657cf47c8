"""``python -m nas.detect weights=FILE images=FILE|FOLDER|PATTERN out=DIR``: find objects in pictures.

Writes each picture with what was found in it, and detections.json (COCO format) and detections.csv of all. A picture
that cannot be read is named and left out. Given again, the command goes on where it was.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.command_line import Config, run_command
from nas.machine.processors import usable_processors
from nas.words import Countdown, plural, said_when_slow
from search_spaces.errors import ConfigError, DataError
from search_spaces.settings import boolean, within

if TYPE_CHECKING:
    from nas.command_line.trained import Trained
    from nas.detecting import Broken, Found, Tiling
    from nas.detectors import DetectionSettings

log = logging.getLogger("nas.detect")
DEFAULT_THRESHOLD = 0.3
AHEAD = 8
"""Pictures that may wait to be drawn."""


def detect(config: Config) -> None:
    """Detect in every picture that has no row yet, then write what all rows say."""
    for key in ("images", "out"):
        if config[key] is None:
            raise ConfigError(f"{key} is missing; give weights=FILE images=FILE|FOLDER|'PATTERN' out=DIR.")
    boolean("draw", config["draw"])
    out = Path(str(config["out"]))
    with said_when_slow(log, "loading PyTorch and the weights"):
        from nas.command_line.detect_rows import Rows
        from nas.command_line.trained import batch_size, class_labels, fast_copy, load_trained
        from nas.detecting import Broken, detect_files, find_pictures
        from nas.reporting.detections import write_detections

        trained = load_trained(config, "detection")
    batch = batch_size(config["batch"], trained)
    names, labels = trained.names(), class_labels(trained, config["classes"])
    counts, tiling = what_counts(config, trained)
    files, others = find_pictures(str(config["images"]), leave_out=out)
    rows = Rows.open(out, settings_of(config, trained, counts))
    left = [file for file in files if file.name not in rows.found]
    print(f"{trained.name}: {trained.describe()}")
    said = beside(len(files) - len(left), others)
    print(f"{plural(len(files), 'picture')}, scores above {counts.score_threshold:g}{said}")
    found = detect_files(fast_copy(trained.detector), left, trained.image_size, counts, batch, tiling)
    countdown = Countdown(log, "detecting in pictures", len(left))
    for count, result in enumerate(finished(found, labels, names if config["draw"] else None, out), start=1):
        rows.add(result)
        if isinstance(result, Broken):
            log.warning("picture %s is left out: %s.", result.file.path, result.reason)
        countdown.done(count)
    whole = [rows.found[file.name] for file in files if file.name in rows.found]
    if not whole:
        raise DataError(f"none of the {plural(len(files), 'picture')} could be read; each is named above.")
    written = write_detections(whole, names, out)
    print(f"written to {out}: {', '.join(path.name for path in written)}{', pictures/' if config['draw'] else ''}")
    objects = sum(len(row["boxes"]) for row in whole)
    print(f"{plural(objects, 'object')} in {plural(len(whole), 'picture')}; {unread(len(files) - len(whole))}")


def what_counts(config: Config, trained: Trained) -> tuple[DetectionSettings, Tiling | None]:
    """What counts as a detection, and how pictures are cut."""
    from nas.detecting import Tiling
    from nas.detectors import DetectionSettings

    stored = DEFAULT_THRESHOLD if trained.threshold is None else trained.threshold
    threshold = stored if config["threshold"] is None else config["threshold"]
    within("threshold", threshold, 0, 1)
    counts = DetectionSettings(score_threshold=threshold, detections=config["detections"])
    return counts, None if config["tile"] is None else Tiling(config["tile"], config["overlap"])


def settings_of(config: Config, trained: Trained, counts: DetectionSettings) -> dict[str, Any]:
    """The settings that decide what is found; rows of others do not go with them."""
    from nas.command_line.trained import file_digest

    return {
        "weights": file_digest(trained.path),
        "threshold": counts.score_threshold,
        "image_size": trained.image_size,
        **{key: config[key] for key in ("images", "classes", "tile", "overlap", "detections", "draw")},
    }


def finished(
    results: Iterator[Found | Broken], labels: list[int], names: tuple[str, ...] | None, out: Path
) -> Iterator[Found | Broken]:
    """Results with the objects of some labels alone, drawn with the names by threads where there are names."""
    from nas.detecting import Found, ahead
    from nas.reporting.detections import only_labels, save_drawn

    def finish(result: Found | Broken) -> Found | Broken:
        if isinstance(result, Found):
            result = only_labels(result, labels)
            if names is not None:
                save_drawn(result, names, out)
        return result

    with ThreadPoolExecutor(usable_processors()) as pool:
        yield from ahead(pool, finish, results, AHEAD)


def beside(done: int, others: int) -> str:
    """What is said of pictures that were done before, and of files that are no pictures."""
    parts = [f"{done:,} of them done before"] if done else []
    parts += [f"{plural(others, 'other file')} left out"] if others else []
    return "".join(f"; {part}" for part in parts)


def unread(count: int) -> str:
    """How many pictures could not be read, in words."""
    return f"{plural(count, 'picture')} could not be read, named above" if count else "all could be read"


if __name__ == "__main__":
    sys.exit(run_command("detect", __doc__, detect))
