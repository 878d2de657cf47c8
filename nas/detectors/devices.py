"""The device to compute on, by its name in PyTorch, and the name by which people know it."""

from __future__ import annotations

import torch

from search_spaces.settings import SettingError, as_yaml


def find_device(name: str, where: str = "device") -> torch.device:
    """The CPU or CUDA device of a name.

    Args:
        name: ``"auto"`` (CUDA if there is one), ``"cpu"``, ``"cuda"`` or a numbered one, ``"cuda:0"``.
        where: what the setting is called in a sentence.

    Raises:
        ConfigError: it is none of these, or PyTorch finds no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        allowed = "auto, cpu, cuda, or a numbered CUDA device such as cuda:0"
        raise SettingError(where, f"is {as_yaml(name)}; it must be {allowed}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingError(where, f"is {name!r} and PyTorch finds no such CUDA device here; it must be auto or cpu.")
    return device


def device_name(device: torch.device) -> str:
    """The GPU's name, for example ``NVIDIA H100``, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
