"""A network as one ONNX file, with post-processing inside, and a comparison of the two in onnxruntime."""

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

from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Network, as_detector, in_evaluation
from nas.detectors.sizes import Size
from nas.disk import replacing
from nas.export.program import example_images
from search_spaces.errors import ConfigError


class OneImage(nn.Module):
    """What the ONNX file computes: from an image to what the network finds, in tensors of fixed shapes."""

    def __init__(self, network: Network, settings: DetectionSettings) -> None:
        super().__init__()
        self.network = network
        self.settings = settings

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised image [1, 3, H, W] -> the tensors that ``network.fixed_names`` names."""
        found = self.network.fixed(self.network(images), (images.shape[2], images.shape[3]), self.settings)
        return tuple(found[name] for name in self.network.fixed_names)


def export_onnx(
    network: Network, image_size: int | Size, path: str | Path, settings: DetectionSettings | None = None
) -> None:
    """Write one ONNX file that takes normalised ``images`` [1, 3, H, W] and returns the network's ``fixed_names``.

    A detector's file returns ``boxes`` [D, 4] (x1, y1, x2, y2 in pixels), ``scores`` [D], ``labels`` [D], ``count`` []
    and, with Mask R-CNN, ``masks`` [D, 28, 28], where D = ``settings.detections``. The best come first, and what
    follows the first ``count`` is zero. :func:`nas.detectors.heads.fixed_shapes.detections_fixed` says where they may
    differ from those of ``detect``. A classifier's file returns ``logits`` [1, K] and ``probabilities`` [1, K].

    Raises:
        ConfigError: a side is not a multiple of what the network needs, or the extra ``export`` is not installed.
    """
    require("onnx", "onnxscript")
    images = example_images(network, image_size)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    module = OneImage(network, settings or DetectionSettings())
    with in_evaluation(network), _quietly():
        program = torch.onnx.export(
            module.eval(),
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=list(network.fixed_names),
        )
    assert program is not None
    with replacing(path) as temporary:
        program.save(temporary)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence what the exporter prints about its progress and the warnings of the code that it uses."""
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
    path: str | Path, network: Network, images: Tensor, settings: DetectionSettings | None = None
) -> dict[str, float]:
    """How far onnxruntime with a file of :func:`export_onnx` is from the network itself for one image [1, 3, H, W].

    Returns:
        For a classifier, the largest difference of ``logits`` and of ``probabilities``. For a detector, ``count`` is
        the number of its detections, and ``missing`` is how many detections of either side have no counterpart: none of
        the same class whose box lies within a pixel. For the others there is the largest difference of ``boxes`` (in
        pixels), ``scores`` and ``masks``.

    Raises:
        ConfigError: packages of the extra ``export`` are missing.
    """
    require("onnxruntime")
    session = import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {"images": images.float().cpu().numpy()})
    found = {name: torch.from_numpy(value) for name, value in zip(names, values)}
    if "boxes" in found:
        (expected,) = as_detector(network, "the comparison of detections").detect(images, settings)
        return _compare(found, {name: value.cpu() for name, value in expected.items()})
    with in_evaluation(network):
        plain = network.fixed(network(images), (images.shape[2], images.shape[3]), settings or DetectionSettings())
    return {name: _largest(found[name] - plain[name].cpu()) for name in names}


def _compare(found: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """Compare each detection found with the nearest expected one of the same class."""
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
    """Check that packages of the extra ``export`` are installed.

    Raises:
        ConfigError: a package is not installed; the sentence says how to install it.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"ONNX needs {' and '.join(missing)}, which must be installed; "
            f"pip install 'spinenet-search[export]' does that."
        )
