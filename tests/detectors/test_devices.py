"""Devices by name: what is there is found, and what is not is said."""

import pytest
import torch

from nas.detectors.devices import device_name, find_device
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml


def test_the_processor_is_always_there() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert device_name(torch.device("cpu")) == "cpu"


@pytest.mark.parametrize("cuda", [False, True])
def test_auto_takes_cuda_when_there_is_one(monkeypatch: pytest.MonkeyPatch, cuda: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert find_device("auto").type == ("cuda" if cuda else "cpu")


def test_a_numbered_device_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert find_device("cuda") == torch.device("cuda")
    with pytest.raises(ConfigError, match=r"^proxy\.device is 'cuda:2' and PyTorch finds no such CUDA device here"):
        find_device("cuda:2", "proxy.device")


def test_no_cuda_device_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match=r"^device is 'cuda' and PyTorch finds no such CUDA device here; it must be"):
        find_device("cuda")


@pytest.mark.parametrize("name", ["gpu7", "mps", "", "meta", None])
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^device is {as_yaml(name)}; it must be auto, cpu, cuda, or a numbered CUDA dev"
    ):
        find_device(name)


def test_a_gpu_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert device_name(torch.device("cuda", 1)) == "GPU 1"
