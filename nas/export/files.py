"""Write a network in every form, and compare each file with the network itself on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nas.datasets.augment import normalise
from nas.datasets.synthetic import SyntheticSettings, generate
from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Network
from nas.detectors.sizes import Size
from nas.export.bundle import check_bundle, write_bundle
from nas.export.onnx_file import check_onnx, export_onnx
from nas.export.program import check_program, export_program
from search_spaces.errors import ConfigError


def write_files(
    network: Network, size: Size, folder: str | Path, image: str | None, settings: DetectionSettings
) -> list[dict[str, Any]]:
    """Write ``program.pt2``, ``detector.onnx`` and ``bundle/`` into a folder.

    Args:
        size: (height, width) of the images that the program and the ONNX file take.
        image: a picture to compare on; None: a drawn scene.
        settings: settings of the ONNX file's post-processing.

    Returns:
        For each file or folder its ``file`` name, its size in ``bytes``, the ``image`` in words, and the largest
        ``differences`` from the network.

    Raises:
        ConfigError: the folder cannot be written, the picture cannot be read, or a form does not fit the network.
    """
    folder = Path(folder)
    images, source = read_image(image, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"out is {str(folder)!r}; it must be a folder that can be written ({error.strerror})."
        ) from None
    program, onnx, bundle = folder / "program.pt2", folder / "detector.onnx", folder / "bundle"
    export_onnx(network, size, onnx, settings)
    export_program(network, size, program)
    checks: dict[Path, dict[str, float]] = {
        program: {"raw outputs": check_program(program, network, images)},
        onnx: check_onnx(onnx, network, images, settings),
    }
    write_bundle(network, bundle)  # it comes last, because it is the only one that may be refused
    checks[bundle] = {"raw outputs": check_bundle(bundle, network, images)}
    rows: list[dict[str, Any]] = []
    for path, differences in checks.items():
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        size_in_bytes = sum(file.stat().st_size for file in files if file.is_file())
        rows.append({"file": str(path), "bytes": size_in_bytes, "image": source, "differences": differences})
    return rows


def read_image(path: str | None, size: Size) -> tuple[Tensor, str]:
    """A picture that is scaled to ``size``, or a drawn scene, normalised [1, 3, H, W]; and what it is, in words.

    Raises:
        ConfigError: the file cannot be read as a picture.
    """
    if path is None:
        scene = generate(SyntheticSettings(), 0, max(size))
        pixels, source = scene.image[:, : size[0], : size[1]], f"a drawn scene of {len(scene.boxes)} objects"
    else:
        try:
            with Image.open(path) as picture:
                scaled = picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.BILINEAR)
        except OSError as error:
            raise ConfigError(f"image {path}: it cannot be read as a picture ({error}).") from None
        pixels, source = np.asarray(scaled).transpose(2, 0, 1), str(path)
    return normalise(torch.from_numpy(pixels.copy())[None]), source
