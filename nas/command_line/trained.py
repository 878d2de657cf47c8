"""A trained detector of a configuration with ``weights`` and ``image_size``, and what is known of its training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.command_line.config import Config
from nas.command_line.detector import read_image_size
from nas.datasets.dataset import DetectionData
from nas.datasets.quoting import shown_name
from nas.detectors import Detector, as_detector, load_detector, optimise, read_trained_on
from nas.detectors.devices import find_device
from nas.evaluation.classes import ClassMap, same_names, unnamed
from search_spaces.errors import ConfigError, suggestion
from search_spaces.settings import integer

BATCH_PIXELS = {"cpu": (4 * 320**2, 16), "cuda": (16 * 640**2, 64)}
"""Kind of device -> how many pixels, and how many images, a batch has at most."""
MOST_NAMES = 20
"""Class names that an error lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A detector in evaluation mode on its device.

    Attributes:
        path: of its weights.
        class_names: K names, the first is label 1's; None where the file does not tell.
        image_size: side of the square images that it is given, in pixels.
        threshold: score above which a detection is worth showing; None where the file does not tell.
    """

    detector: Detector
    path: str
    class_names: tuple[str, ...] | None
    image_size: int
    threshold: float | None

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return f"weights {self.path}"

    def names(self) -> tuple[str, ...]:
        """The K class names, ``class 1`` and so on where the file does not tell."""
        return self.class_names or tuple(f"class {label}" for label in range(1, self.detector.classes))

    def describe(self) -> str:
        """The detector in a line."""
        detector = self.detector
        parameters = sum(parameter.numel() for parameter in detector.parameters())
        return (
            f"{detector.head_name} on architecture {detector.architecture.fingerprint}, {parameters:,} parameters, "
            f"{detector.classes - 1:,} classes, images of {self.image_size} px"
        )


def load_trained(config: Config, purpose: str) -> Trained:
    """The detector of a configuration with ``weights``, ``image_size`` and ``device``.

    Args:
        purpose: what it is needed for, as in :func:`nas.detectors.as_detector`.

    Raises:
        ConfigError: the weights are missing, cannot be read, or are no detector's; they do not tell the image size and
            the configuration neither; or a setting does not fit.
    """
    if config["weights"] is None:
        raise ConfigError(
            "weights is missing; give weights=FILE, a safetensors file that nas.train or nas.convert wrote."
        )
    path = str(config["weights"])
    detector = as_detector(load_detector(path), purpose)
    told = read_trained_on(path)
    if told is not None and len(told.class_names) != detector.classes - 1:
        count = len(told.class_names)
        raise ConfigError(
            f"weights {path}: they name {count:,} classes, and the detector has {detector.classes - 1:,}."
        )
    size = told.image_size if config["image_size"] is None and told is not None else config["image_size"]
    if size is None:
        raise ConfigError(
            f"weights {path}: the file does not tell the size of the images that it was trained on; "
            f"give image_size=, for example image_size=640."
        )
    integer("image_size", size, 1)
    read_image_size(size, detector)
    return Trained(
        detector.to(find_device(config["device"])),
        path,
        None if told is None else told.class_names,
        size,
        None if told is None else told.threshold,
    )


def batch_size(given: Any, trained: Trained) -> int:
    """How many images the detector sees at once: the given number, or for None what suits device and image size.

    On a CPU core, few large images at once are faster than many, which leave its caches: 640 px one by one, 96 px 16.

    Raises:
        ConfigError: it is no integer above 0.
    """
    if given is not None:
        integer("batch", given, 1)
        return int(given)
    pixels, most = BATCH_PIXELS[next(trained.detector.parameters()).device.type]
    return max(1, min(most, pixels // trained.image_size**2))


def map_classes(trained: Trained, data: DetectionData) -> ClassMap:
    """Which label of the detector is which of the data set.

    Raises:
        ConfigError: their classes are not the same; the sentence lists what differs.
    """
    source = f"data set {data.source}"
    if trained.class_names is not None:
        return same_names(trained.class_names, data.class_names, trained.name, source)
    ids = [data.category_id(label) for label in range(1, len(data.class_names) + 1)]
    return unnamed(trained.detector.classes - 1, ids, trained.name, source)


def class_labels(trained: Trained, wanted: Sequence[str]) -> list[int]:
    """The labels of the classes of these names; all labels for none.

    Raises:
        ConfigError: the detector has no such class.
    """
    names = trained.names()
    for name in wanted:
        if name not in names:
            known = ", ".join(map(shown_name, names[:MOST_NAMES])) + (", ..." if len(names) > MOST_NAMES else "")
            raise ConfigError(f"classes has {str(name)!r}{suggestion(name, names)}; {trained.name} know: {known}.")
    return [label for label, name in enumerate(names, start=1) if not wanted or name in wanted]


def fast_copy(detector: Detector) -> Detector:
    """The detector with batch normalisation folded, which needs no compiler; its outputs are the same within 1e-4."""
    return optimise(detector, compile=False)


def file_digest(path: str) -> str:
    """16 hexadecimal digits that stand for the content of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def about_trained(trained: Trained) -> Mapping[str, Any]:
    """What is written down of the detector beside its results."""
    return {
        "weights": trained.path,
        "detector": trained.describe(),
        "architecture": trained.detector.architecture.fingerprint,
        "image_size": trained.image_size,
    }
