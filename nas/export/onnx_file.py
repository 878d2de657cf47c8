"""A detector as one ONNX file, post-processing inside, and its check against onnxruntime."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.detectors.classifier import Classifier
from nas.detectors.detector import Detector
from nas.detectors.mask_rcnn import MaskRCNN
from nas.detectors.postprocess import DetectionSettings, detections_fixed
from nas.detectors.resample import Size
from nas.detectors.retinanet import RetinaNet
from nas.export.mask_rcnn_fixed import mask_detections_fixed
from nas.export.program import example_images, in_evaluation
from search_spaces.errors import ConfigError

OUTPUTS = {
    "retinanet": ("boxes", "scores", "labels", "count"),
    "mask_rcnn": ("boxes", "scores", "labels", "count", "masks"),
    "classifier": ("logits", "probabilities"),
}
"""Head -> names of the outputs in the file."""


class OneImage(nn.Module):
    """What the ONNX file computes: image to detections, all shapes fixed."""

    def __init__(self, detector: Detector, settings: DetectionSettings) -> None:
        super().__init__()
        self.detector = detector
        self.settings = settings

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised image [1, 3, H, W] -> the tensors that ``OUTPUTS`` names."""
        detector, size = self.detector, (images.shape[2], images.shape[3])
        raw = detector(images)
        if isinstance(detector, RetinaNet):
            logits, codes, anchors = detector.flatten(raw)
            inclusive = detector.scaling.inclusive_pixels
            return detections_fixed(logits[0], codes[0], anchors, size, self.settings, inclusive)
        if isinstance(detector, MaskRCNN):
            return mask_detections_fixed(detector, raw, size, self.settings)
        return raw["class"], raw["class"].softmax(1)


def export_onnx(
    detector: Detector, image_size: int | Size, path: str | Path, settings: DetectionSettings | None = None
) -> None:
    """Write one ONNX file that takes ``images`` [1, 3, H, W], normalised, and gives what ``OUTPUTS`` names.

    ``boxes`` [D, 4] (x1, y1, x2, y2 in pixels), ``scores`` [D], ``labels`` [D], ``masks`` [D, 28, 28] with D =
    ``settings.detections``, best first, and zero from ``count`` on; or ``logits`` [1, K] and ``probabilities`` [1, K].
    Where that may differ from ``detect`` says :func:`nas.detectors.postprocess.detections_fixed`.

    Raises:
        ConfigError: a side is no multiple of what the detector needs, or packages of the extra ``export`` are missing.
    """
    require("onnx", "onnxscript")
    images = example_images(detector, image_size)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    module = OneImage(detector, settings or DetectionSettings())
    with in_evaluation(detector), _quietly():
        program = torch.onnx.export(
            module.eval(),
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=list(OUTPUTS[detector.head_name]),
        )
    assert program is not None
    program.save(path)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of its progress, and of others' code that it uses."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def check_onnx(
    path: str | Path, detector: Detector, images: Tensor, settings: DetectionSettings | None = None
) -> dict[str, float]:
    """How far onnxruntime on a file of :func:`export_onnx` is from the detector itself, for one image [1, 3, H, W].

    Returns:
        For a classifier the largest difference of ``logits`` and ``probabilities``. Otherwise ``count``: how many
        detections the detector finds; ``missing``: how many of either have no counterpart of the same class whose box
        lies within a pixel; and over the others the largest difference of ``boxes`` (pixels), ``scores`` and ``masks``.

    Raises:
        ConfigError: packages of the extra ``export`` are missing.
    """
    require("onnxruntime")
    session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {"images": images.float().cpu().numpy()})
    found = {name: torch.from_numpy(value) for name, value in zip(names, values)}
    with in_evaluation(detector):
        if isinstance(detector, Classifier):
            logits = detector(images)["class"].cpu()
            plain = {"logits": logits, "probabilities": logits.softmax(1)}
            return {name: _largest(found[name] - plain[name]) for name in names}
        (expected,) = detector.detect(images, settings)
    return _compare(found, {name: value.cpu() for name, value in expected.items()})


def _compare(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """Pairs of detections: of the same class, and nearest."""
    count = int(found["count"])
    found = {name: found[name][:count] for name in expected}
    apart = (found["boxes"][:, None] - expected["boxes"][None]).abs().amax(2)
    apart = apart.masked_fill(found["labels"][:, None] != expected["labels"][None], float("inf"))
    apart = apart + (found["scores"][:, None] - expected["scores"][None]).abs()
    near = apart.argmin(1) if apart.shape[1] else torch.zeros(count, dtype=torch.long)
    paired = apart.amin(1) < 1 if apart.shape[1] else near > 0
    ours, theirs = paired.nonzero().squeeze(1), near[paired]
    differences = {name: _largest(found[name][ours] - expected[name][theirs]) for name in expected if name != "labels"}
    missing = count + len(expected["labels"]) - len(ours) - len(theirs.unique())
    return {"count": len(expected["labels"]), "missing": missing, **differences}


def _largest(differences: Tensor) -> float:
    return float(differences.abs().max()) if differences.numel() else 0.0


def require(*packages: str) -> None:
    """Packages of the extra ``export`` must be there.

    Raises:
        ConfigError: a package is not installed; the sentence says how to install it.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"ONNX needs {' and '.join(missing)}, which is not installed; "
            f"pip install 'spinenet-search[export]' brings all of it."
        )
