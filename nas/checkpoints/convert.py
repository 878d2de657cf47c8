"""Convert a checkpoint of another code base to a detector of this one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.checkpoints import mmdet, model_garden, tpu
from nas.checkpoints.infer import check_given, infer_scaling, infer_width
from nas.checkpoints.model_garden import SUFFIX
from nas.checkpoints.read import Arrays, read_tensorflow, read_torch
from nas.detectors.build import build_detector, load_published
from nas.detectors.detector import Network
from nas.detectors.heads.region_heads import BOX_SIZE
from nas.detectors.parts import Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.weights import fill
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, suggestion
from search_spaces.kinds import find

SHOWN = 20  # the most weights of a wrong shape that an error lists


@dataclass(frozen=True, slots=True)
class Source:
    """How one code base stores a detector.

    Attributes:
        convention: the convention that its weights were trained under.
        read: path -> arrays by key.
        prepare: (arrays, head, epsilon of batch normalisation) -> arrays whose keys and channels :attr:`keys` knows.
        is_training_state: whether a key belongs to the training and not to the network.
        structure: (arrays, architecture, head) -> fields of the scaling that follow from the keys.
        keys: (arrays, architecture, head, repeats, roles) -> {role: key}.
        block_types: types of the blocks that its networks may have.
        inclusive_pixels: as in :class:`nas.detectors.Scaling`.
        tensorflow: whether the axes of kernels are in TensorFlow's order.
    """

    convention: str
    read: Callable[[str | Path], dict[str, np.ndarray]]
    prepare: Callable[[Arrays, str, float], Arrays]
    is_training_state: Callable[[str], bool]
    structure: Callable[[Arrays, Architecture, str], dict[str, Any]]
    keys: Callable[[Arrays, Architecture, str, int, Iterable[Role]], dict[Role, str]]
    block_types: Iterable[str]
    inclusive_pixels: bool
    tensorflow: bool


def _as_read(arrays: Arrays, head: str, epsilon: float) -> Arrays:
    return arrays


SOURCES: Mapping[str, Source] = {
    "model_garden": Source(
        convention="model_garden",
        read=read_tensorflow,
        prepare=_as_read,
        is_training_state=model_garden.is_training_state,
        structure=model_garden.structure,
        keys=model_garden.keys,
        block_types=(*model_garden.BLOCK_LAYERS, "fpn"),
        inclusive_pixels=False,
        tensorflow=True,
    ),
    "tpu": Source(
        convention="tpu",
        read=read_tensorflow,
        prepare=_as_read,
        is_training_state=tpu.is_training_state,
        structure=tpu.structure,
        keys=tpu.keys,
        block_types=(*tpu.BLOCK_LAYERS, "fpn"),
        inclusive_pixels=True,
        tensorflow=True,
    ),
    "mmdet": Source(
        convention="mmdet",
        read=read_torch,
        prepare=mmdet.prepare,
        is_training_state=mmdet.is_training_state,
        structure=mmdet.structure,
        keys=mmdet.keys,
        block_types=tuple(mmdet.BLOCK_LAYERS),
        inclusive_pixels=True,
        tensorflow=False,
    ),
}


def convert(
    source: str,
    checkpoint: str | Path,
    architecture: Architecture | str | Path,
    head: str = "retinanet",
    classes: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Network:
    """The detector in a checkpoint, in evaluation mode.

    Args:
        source: a name of ``SOURCES``.
        checkpoint: its file, or the common part of the names of its files.
        architecture: a published name, an architecture file, or an architecture.
        head: ``retinanet`` or ``mask_rcnn``.
        classes: number of classes, including the background; None: as the shapes say.
        settings: fields of the scaling. Those that follow from the shapes need not be given; if given, they must agree.

    Raises:
        ConfigError: the checkpoint cannot be read; or it is of another architecture, scaling or head; or a key has no
            place or a place has no key, and the sentence lists them. A wrong parent is not noticed if it has the level
            and type of the right one, because its weights then have the same shapes.
    """
    origin, settings = find("source", SOURCES, source), settings or {}
    if head not in ("retinanet", "mask_rcnn"):
        raise ConfigError(f"head {head!r} cannot be converted; there are: retinanet, mask_rcnn.")
    if isinstance(architecture, Architecture):
        scaling = Scaling()
    else:
        architecture, scaling = load_published(architecture, head)
    epsilon = settings.get("bn_epsilon", scaling.bn_epsilon)
    epsilon = dataclasses.replace(scaling, convention=origin.convention, bn_epsilon=epsilon).resolved(head).bn_epsilon
    assert epsilon is not None
    read = {key: value for key, value in origin.read(checkpoint).items() if not origin.is_training_state(key)}
    return convert_arrays(source, origin.prepare(read, head, epsilon), architecture, head, classes, settings, scaling)


def convert_arrays(
    source: str,
    arrays: Arrays,
    architecture: Architecture,
    head: str,
    classes: int | None = None,
    settings: Mapping[str, Any] | None = None,
    scaling: Scaling | None = None,
) -> Network:
    """The same as :func:`convert`, from arrays by key that :attr:`Source.prepare` returned, without training state."""
    origin, settings = SOURCES[source], settings or {}
    _check_settings(settings)
    _check_block_types(source, architecture)
    fields = origin.structure(arrays, architecture, head)
    scaling = dataclasses.replace(
        scaling or Scaling(), convention=origin.convention, inclusive_pixels=origin.inclusive_pixels, **fields
    )
    # The width decides which of the stem's blocks have a projection. It follows from the other blocks.
    skeleton, keys = _place(origin, arrays, architecture, head, scaling)
    width = infer_width(_shapes(origin, arrays, skeleton, keys), architecture)
    if width is not None:
        scaling = dataclasses.replace(scaling, width=width)
        skeleton, keys = _place(origin, arrays, architecture, head, scaling)
    _check_complete(arrays, keys)
    numbers = skeleton.resolved()
    anchors = numbers["octaves"] * len(numbers["aspect_ratios"])
    inferred, found_classes = infer_scaling(_shapes(origin, arrays, skeleton, keys), architecture, head, anchors)
    fields |= inferred
    check_given({**settings, "classes": classes}, {**fields, "classes": found_classes}, architecture)
    scaling = dataclasses.replace(scaling, **{**fields, **settings})
    network = build_detector(architecture, scaling, head, found_classes)
    weights = dict(network.roles())
    values = {role: _to_ours(origin, arrays[key], weights[role].axes) for role, key in keys.items()}
    fill(network, _state(network, weights, values), "of the checkpoint")
    return network.eval()


def _check_settings(settings: Mapping[str, Any]) -> None:
    """All must be settings of a scaling, of the right type and within their range; None stands for none given."""
    known = [field.name for field in dataclasses.fields(Scaling)]
    for name in settings:
        if name not in known:
            raise ConfigError(
                f"unknown setting {name!r}{suggestion(name, known)}; a scaling has: {', '.join(sorted(known))}."
            )
    dataclasses.replace(Scaling(), **{name: value for name, value in settings.items() if value is not None})


def _check_block_types(source: str, architecture: Architecture) -> None:
    known = SOURCES[source].block_types
    for index, node in enumerate(architecture.nodes):
        if node.block_type not in known:
            raise ConfigError(
                f"block {index} is of type {node.block_type}, which no checkpoint of {source} has; "
                f"such checkpoints have: {', '.join(known)}."
            )


def _place(
    origin: Source, arrays: Arrays, architecture: Architecture, head: str, scaling: Scaling
) -> tuple[Network, dict[Role, str]]:
    """A network of the right structure, without memory, and the key of each of its roles.

    The width is the only size in the scaling that changes the structure.
    """
    with torch.device("meta"):
        skeleton = build_detector(architecture, dataclasses.replace(scaling, alpha=1.0), head)
    roles = [role for role, _ in skeleton.roles()]
    return skeleton, origin.keys(arrays, architecture, head, scaling.repeats, roles)


def _shapes(origin: Source, arrays: Arrays, network: Network, keys: Mapping[Role, str]) -> dict[Role, tuple[int, ...]]:
    """Shapes of what the checkpoint has, with axes in this project's order."""
    return {
        role: _to_ours(origin, arrays[keys[role]], weight.axes).shape
        for role, weight in network.roles()
        if keys[role] in arrays
    }


def _check_complete(arrays: Arrays, keys: Mapping[Role, str]) -> None:
    unplaced = sorted(set(arrays) - set(keys.values()))
    empty = sorted(str(role) for role, key in keys.items() if key not in arrays)
    if unplaced or empty:
        raise ConfigError(
            f"checkpoint: it is of another architecture or head than the given one; "
            f"{_listed(unplaced, 'keys', 'place')}; {_listed(empty, 'places', 'key')}."
        )


def _listed(names: list[str], what: str, lack: str) -> str:
    names = [name.removesuffix(SUFFIX) for name in names]
    return f"{len(names)} {what} without a {lack}" + (f": {', '.join(names)}" if names else "")


def _to_ours(origin: Source, value: np.ndarray, axes: str) -> np.ndarray:
    """An array of a source with its axes in PyTorch's order."""
    if not origin.tensorflow or value.ndim != {"vector": 1, "dense": 2, "roi_dense": 2}.get(axes, 4):
        return value  # it is in PyTorch's order, or it has a wrong shape, which an error will name
    if axes in ("conv", "transposed"):  # [h, w, in, out] -> [out, in, h, w]; transposed with in and out exchanged
        return value.transpose(3, 2, 0, 1)
    if axes == "depthwise":  # [h, w, channels, 1]
        return value.transpose(2, 3, 0, 1)
    if axes == "roi_dense" and len(value) % BOX_SIZE**2 == 0:  # [7 * 7 * channels, out] -> [out, channels * 7 * 7]
        crops = value.reshape(BOX_SIZE, BOX_SIZE, -1, value.shape[1])
        return crops.transpose(3, 2, 0, 1).reshape(value.shape[1], -1)
    return value.transpose() if axes == "dense" else value


def _state(
    network: Network, weights: Mapping[Role, Weight], values: Mapping[Role, np.ndarray]
) -> dict[str, torch.Tensor]:
    """A state dictionary from values by role. The rows of a fused layer are joined in their order.

    Raises:
        ConfigError: shapes differ; the sentence lists the first of them.
    """
    expected = network.state_dict()
    pieces: dict[str, list[tuple[int, np.ndarray]]] = {}
    wrong = []
    for role, weight in weights.items():
        place = expected[weight.key]
        rows = place.shape[0] if weight.first is None or weight.last is None else weight.last - weight.first
        shape = (rows, *place.shape[1:])
        if values[role].shape != shape:
            wrong.append(f"{role} {list(values[role].shape)} instead of {list(shape)}")
        pieces.setdefault(weight.key, []).append((weight.first or 0, values[role]))
    if wrong:
        raise ConfigError(
            f"checkpoint: {len(wrong)} of its weights have other shapes than the given architecture's: "
            f"{', '.join(wrong[:SHOWN])}{', ...' if len(wrong) > SHOWN else ''}."
        )
    state = {}
    for key, rows_of_key in pieces.items():
        ordered = [value for _, value in sorted(rows_of_key, key=lambda piece: piece[0])]
        state[key] = torch.from_numpy(np.ascontiguousarray(np.concatenate(ordered)))
    return state
