"""The weights of a network in one safetensors file, which also says how to build the network again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nas.detectors.build import HEADS, build_detector
from nas.detectors.detector import Network
from nas.detectors.scaling import Scaling
from nas.disk import replacing
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, FileError
from search_spaces.settings import build_settings

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a detector was trained on, as far as whoever uses its weights must know it.

    Attributes:
        class_names: K names, the first is label 1's.
        image_size: side of the square images in pixels; a picture is brought to it before the detector sees it.
        threshold: score above which a detection is worth showing; None where nobody has measured it.
    """

    class_names: tuple[str, ...]
    image_size: int
    threshold: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))


def describe(network: Network) -> dict[str, Any]:
    """What :func:`load_detector` builds a network from: architecture, scaling, head, classes; JSON-serialisable."""
    return {
        "schema_version": SCHEMA_VERSION,
        "architecture": network.architecture.to_dict(),
        "scaling": asdict(network.scaling),
        "head": network.head_name,
        "classes": network.classes,
    }


def save_detector(
    network: Network, path: str | Path, source: str | None = None, trained_on: TrainedOn | None = None
) -> None:
    """Write the weights, batch-norm statistics included, to ``path`` (safetensors).

    Args:
        source: where the weights come from, a note for people.
        trained_on: what :func:`read_trained_on` gives back.

    Raises:
        FileError: the file cannot be written; one that was there is unchanged.
    """
    metadata = {"detector": json.dumps(describe(network)), **({"source": source} if source else {})}
    if trained_on is not None:
        metadata["trained_on"] = json.dumps(asdict(trained_on))
    tensors = {name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()}
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata)
            temporary.chmod(0o666 & ~_umask())  # the library writes for the owner alone
    except (OSError, SafetensorError) as error:
        raise FileError(f"weights {path}: the file cannot be written ({error}).") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load_detector(path: str | Path) -> Network:
    """The network in a file that :func:`save_detector` wrote, in evaluation mode.

    Raises:
        ConfigError: there is no such file; it is not of this kind or has another schema version; or its weights do not
            fit the architecture and scaling that it names.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"weights {path}: there is no such file.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"weights {path}: not a readable safetensors file ({error}).") from None
    network = _build(metadata, path)
    fill(network, tensors, str(path))
    return network.eval()


def read_trained_on(path: str | Path) -> TrainedOn | None:
    """What the detector in a file that :func:`load_detector` reads was trained on; None where the file does not say.

    Raises:
        ConfigError: the file cannot be read, or what it says is no such description.
    """
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("trained_on")
        if text is None:
            return None
        told = json.loads(text)
        names, image_size, threshold = told["class_names"], told["image_size"], told.get("threshold")
        if not all(isinstance(name, str) for name in names) or not isinstance(image_size, int):
            raise TypeError
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"weights {path}: not a readable safetensors file ({error}).") from None
    except (ValueError, TypeError, KeyError):
        raise ConfigError(
            f"weights {path}: its metadata trained_on must be an object of class_names (texts), image_size (pixels) "
            f"and perhaps threshold (from 0 to 1)."
        ) from None
    return TrainedOn(names, image_size, threshold)


def fill(network: Network, tensors: dict[str, Tensor], where: str) -> None:
    """Give a network its weights. Every weight must have a place of its shape, and every place a weight.

    Raises:
        ConfigError: they do not fit; the sentence names what differs.
    """
    places = network.state_dict()
    missing, unknown = sorted(set(places) - set(tensors)), sorted(set(tensors) - set(places))
    if missing or unknown:
        raise ConfigError(
            f"weights {where}: they are of another architecture, scaling or head; "
            f"{_some(missing, 'without a weight')}; {_some(unknown, 'without a place')}."
        )
    for name, value in tensors.items():
        if value.shape != places[name].shape:
            raise ConfigError(
                f"weights {where}: {name} has shape {list(value.shape)}; the detector's has "
                f"{list(places[name].shape)}; give the weights' own width, alpha, endpoints, head and classes."
            )
    network.load_state_dict(tensors)


def _some(names: list[str], what: str) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {what}" + (f" ({shown})" if names else "")


def _build(metadata: dict[str, str], path: Path) -> Network:
    try:
        data = json.loads(metadata["detector"])
        version = data["schema_version"]
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            f"weights {path}: the file does not say what detector it holds; files that convert or train wrote do."
        ) from None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"weights {path}: schema_version is {version!r}; this version of the project reads {SCHEMA_VERSION}."
        )
    missing = {"architecture", "scaling", "head", "classes"} - set(data)
    if missing or not isinstance(data["head"], str) or data["head"] not in HEADS:
        raise ConfigError(f"weights {path}: the description lacks {', '.join(sorted(missing)) or 'a known head'}.")
    if not isinstance(data["scaling"], dict):
        raise ConfigError(f"weights {path}: the scaling in its description is not a group of settings.")
    architecture = Architecture.from_dict(data["architecture"], f"weights {path}")
    try:
        scaling = build_settings(Scaling, data["scaling"], "scaling")
    except ConfigError as error:
        raise ConfigError(f"weights {path}: {error}") from None
    return build_detector(architecture, scaling, data["head"], data["classes"])
