"""A detector's weights in one safetensors file that carries all that is needed to build it again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
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


def describe(network: Network) -> dict[str, Any]:
    """What :func:`load_detector` builds a detector from, JSON-ready: architecture, scaling, head, classes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "architecture": network.architecture.to_dict(),
        "scaling": asdict(network.scaling),
        "head": network.head_name,
        "classes": network.classes,
    }


def save_detector(network: Network, path: str | Path, source: str | None = None) -> None:
    """Write the weights, batch-norm statistics included, to ``path`` (safetensors).

    Args:
        source: where the weights come from, a note for people.

    Raises:
        FileError: the file cannot be written; one that was there is unchanged.
    """
    metadata = {"detector": json.dumps(describe(network)), **({"source": source} if source else {})}
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
    """The detector in a file that :func:`save_detector` wrote, in inference mode.

    Raises:
        ConfigError: no such file, not a file of this kind, of another schema version, or with other weights than the
            architecture and scaling it names have places for.
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


def fill(network: Network, tensors: dict[str, Tensor], where: str) -> None:
    """Give a network its weights; each must find its place and each place its weight, of the same shape.

    Raises:
        ConfigError: that is not so; the sentence names what differs.
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
                f"weights {where}: {name} has shape {list(value.shape)}, the detector's has "
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
            f"weights {path}: the file does not say what detector it holds; convert or train writes files that do."
        ) from None
    if version != SCHEMA_VERSION:
        raise ConfigError(f"weights {path}: schema_version is {version!r}, this version of the project reads 1.")
    missing = {"architecture", "scaling", "head", "classes"} - set(data)
    if missing or not isinstance(data["head"], str) or data["head"] not in HEADS:
        raise ConfigError(f"weights {path}: the description lacks {', '.join(sorted(missing)) or 'a known head'}.")
    if not isinstance(data["scaling"], dict):
        raise ConfigError(f"weights {path}: the scaling in its description is no group of settings.")
    architecture = Architecture.from_dict(data["architecture"], f"weights {path}")
    try:
        scaling = build_settings(Scaling, data["scaling"], "scaling")
    except ConfigError as error:
        raise ConfigError(f"weights {path}: {error}") from None
    return build_detector(architecture, scaling, data["head"], data["classes"])
