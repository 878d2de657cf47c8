"""The fixtures: small checkpoints of the published code, and what that code computes from them.

``results/parity/make_cases.py OUT --tpu CHECKOUT --tiny`` makes them; results/parity/README.md says more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import search_spaces
from nas.checkpoints.convert import SOURCES, convert_arrays
from nas.detectors import Detector
from nas.detectors.parts import Role
from search_spaces.architecture import SCHEMA_VERSION, Architecture

FOLDER = Path(__file__).parent / "fixtures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))
YX = [1, 0, 3, 2]  # y1, x1, y2, x2 <-> x1, y1, x2, y2


@dataclass(frozen=True, slots=True)
class Fixture:
    """A case.

    Attributes:
        settings: what the case was built from.
        checkpoint: key -> array, some of the training state included.
        image: [1, 3, H, W].
        outputs: name -> array, channels last; of maps at level 3 every second row from row 1 on.
    """

    name: str
    settings: dict[str, Any]
    checkpoint: dict[str, np.ndarray]
    image: torch.Tensor
    outputs: dict[str, np.ndarray]

    @property
    def source(self) -> str:
        return "tpu" if self.name.startswith("tpu") else "model_garden"

    @property
    def head(self) -> str:
        return {"retinanet": "retinanet", "maskrcnn": "mask_rcnn"}[self.settings["task"]]

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The checkpoint without the training state."""
        is_training_state = SOURCES[self.source].is_training_state
        return {key: value for key, value in self.checkpoint.items() if not is_training_state(key)}

    @property
    def architecture(self) -> Architecture:
        if self.settings["backbone"] == "resnet":
            return search_spaces.load("r50-fpn")
        keys = ("min_level", "max_level", "stem", "blocks")
        return Architecture.from_dict({"schema_version": SCHEMA_VERSION, **{key: self.settings[key] for key in keys}})

    @property
    def trusted(self) -> dict[str, Any]:
        """The settings that no shape tells."""
        return {key: self.settings[key] for key in ("activation", "anchor_size", "bn_epsilon")}

    def convert(self, weights: dict[str, np.ndarray] | None = None, **settings: Any) -> Detector:
        """The detector, or that of other weights."""
        arrays = self.weights if weights is None else weights
        return convert_arrays(self.source, arrays, self.architecture, self.head, settings={**self.trusted, **settings})


@cache
def load(name: str) -> Fixture:
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    settings, shapes = json.loads(str(arrays.pop("settings"))), json.loads(arrays.pop("shapes").tobytes())
    values = arrays.pop("weights").astype(np.float32)
    ends = np.cumsum([int(np.prod(shape)) for _, shape in shapes])
    parts = np.split(values, ends[:-1])
    checkpoint = {key: part.reshape(shape) for (key, shape), part in zip(shapes, parts)}
    image = torch.from_numpy(arrays.pop("image").astype(np.float32)).permute(0, 3, 1, 2)
    return Fixture(name, settings, checkpoint, image, arrays)


@cache
def converted(name: str) -> Detector:
    """The detector of a fixture; do not change it."""
    return load(name).convert()


def every_role_has_a_key_of_its_own(name: str, keys: Callable[..., Mapping[Role, str]]) -> None:
    """Check a source's ``keys`` on the fixture: one of its keys for every role, and none is left over."""
    fixture = load(name)
    roles = [role for role, _ in converted(name).roles()]
    found = keys(fixture.weights, fixture.architecture, fixture.head, fixture.settings["repeats"], roles)
    assert sorted(found.values()) == sorted(fixture.weights)
    assert list(found) == roles


def structure_is_that_of_the_detector(name: str, structure: Callable[..., Mapping[str, Any]]) -> None:
    """Check a source's ``structure`` on the fixture."""
    fixture, scaling = load(name), converted(name).scaling
    found = structure(fixture.weights, fixture.architecture, fixture.head)
    assert found == {field: getattr(scaling, field) for field in found}
    assert found.keys() >= {"repeats", "head_depth", "separable"}
    assert ("rpn_depth" in found) == (fixture.head == "mask_rcnn")
