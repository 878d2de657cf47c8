"""Read checkpoint files to plain arrays. Only this module imports TensorFlow."""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.checkpoints.stand_ins import stand_ins
from search_spaces.errors import ConfigError, first_line

Arrays = Mapping[str, np.ndarray]


def read_tensorflow(checkpoint: str | Path) -> dict[str, np.ndarray]:
    """All numeric tensors of a TensorFlow checkpoint, TF1 or TF2, by key.

    Args:
        checkpoint: the common part of the names of its files, one of these files, or a folder with one checkpoint.

    Raises:
        ConfigError: a file is missing or broken, or TensorFlow is not installed.
    """
    prefix = _prefix(Path(checkpoint))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        tensorflow = importlib.import_module("tensorflow")
    except ImportError:
        raise ConfigError(
            "reading a TensorFlow checkpoint needs TensorFlow: pip install 'spinenet-search[convert]'."
        ) from None
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        names = reader.get_variable_to_shape_map()
        values = {name: reader.get_tensor(name) for name in sorted(names)}
    except Exception as error:  # TensorFlow's own errors, which differ between releases
        reason = first_line(error, type(error).__name__)
        raise ConfigError(
            f"checkpoint {prefix}: its index or data file is broken or cut off ({reason}); copy both again."
        ) from None
    return {name: np.asarray(value) for name, value in values.items() if isinstance(value, np.ndarray | np.generic)}


def _prefix(path: Path) -> Path:
    """The common part of the file names.

    Raises:
        ConfigError: the index file or a data file is missing.
    """
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        halves = sorted(path.glob("*.data-*"))
        if not found and halves:
            raise ConfigError(f"checkpoint {path}: the .index file that belongs to {halves[0].name} is missing.")
        if len(found) != 1:
            what = ", ".join(file.name for file in found) or "none"
            raise ConfigError(f"checkpoint {path}: the folder has {len(found)} index files ({what}); name one of them.")
        path = found[0]
    if path.suffix == ".index" or ".data-" in path.name:
        path = path.with_name(path.name.rsplit(".index", 1)[0].rsplit(".data-", 1)[0])
    index, data = path.with_name(f"{path.name}.index"), sorted(path.parent.glob(f"{path.name}.data-*"))
    if not index.is_file() and not data:
        raise ConfigError(
            f"checkpoint {path}: there are no files {path.name}.index and {path.name}.data-00000-of-00001."
        )
    if not index.is_file():
        raise ConfigError(f"checkpoint {path}: {index.name} is missing; it must lie beside {data[0].name}.")
    if not data:
        raise ConfigError(f"checkpoint {path}: {path.name}.data-* is missing; it must lie beside {index.name}.")
    total = data[0].name.rsplit("-of-", 1)[-1]
    if total.isdigit() and len(data) != int(total):
        raise ConfigError(
            f"checkpoint {path}: only {len(data)} of its {int(total)} data files are there; all are needed."
        )
    return path


def read_torch(checkpoint: str | Path) -> dict[str, np.ndarray]:
    """All tensors of a PyTorch state dictionary, bare or under ``state_dict``, by key.

    Nothing is unpickled but tensors and plain values. Whatever else lies beside the weights (NumPy's scalars, objects
    of the code that trained them) is passed over: no class or function that the file names is imported or called.

    Raises:
        ConfigError: there is no such file, or it holds no state dictionary.
    """
    path = Path(checkpoint)
    if not path.is_file():
        raise ConfigError(f"checkpoint {path}: there is no such file.")
    try:
        with torch.serialization.safe_globals([*stand_ins(path)]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # errors of pickle, zip and torch
        advice = ""
        if isinstance(error, pickle.UnpicklingError):
            advice = (
                " If you trust it, keep its weights alone: "
                f"torch.save(torch.load({str(path)!r}, weights_only=False)['state_dict'], 'weights.pth')."
            )
        raise ConfigError(
            f"checkpoint {path}: it is not a PyTorch file of tensors and plain values; nothing else is read "
            f"({type(error).__name__}).{advice}"
        ) from None
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ConfigError(f"checkpoint {path}: it holds no state dictionary (a mapping from names to tensors).")
    return {str(name).removeprefix("module."): value.detach().float().numpy() for name, value in state.items()}
