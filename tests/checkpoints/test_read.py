"""Files: half a checkpoint in every way, broken ones, and those that are right."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from nas.checkpoints import convert
from nas.checkpoints.read import read_tensorflow, read_torch
from search_spaces.errors import ConfigError
from tests.checkpoints.parity_fixtures import load


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if TensorFlow were not installed."""
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if name == "tensorflow":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"not a checkpoint")
    return folder


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        read_tensorflow(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.usefixtures("no_tensorflow")
class TestPaths:
    """What is wrong with the files is said before TensorFlow is looked for."""

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert "there are no files ckpt.index and ckpt.data-00000-of-00001" in refused(tmp_path / "ckpt")

    def test_missing_index(self, tmp_path: Path) -> None:
        files(tmp_path, "ckpt.data-00000-of-00001")
        for name in ("ckpt", "ckpt.index", "ckpt.data-00000-of-00001"):
            assert "ckpt.index is missing; it must lie beside ckpt.data-00000" in refused(tmp_path / name)

    def test_missing_data(self, tmp_path: Path) -> None:
        files(tmp_path, "ckpt-5.index")
        for name in ("ckpt-5", "ckpt-5.index", ""):
            assert "ckpt-5.data-* is missing; it must lie beside ckpt-5.index" in refused(tmp_path / name)

    def test_missing_part_of_the_data(self, tmp_path: Path) -> None:
        files(tmp_path, "ckpt.index", "ckpt.data-00000-of-00002")
        assert "1 of its 2 data files are there" in refused(tmp_path / "ckpt")

    def test_a_folder_with_none_or_two(self, tmp_path: Path) -> None:
        assert "the folder has 0 index files (none)" in refused(tmp_path)
        files(tmp_path, "a.index", "a.data-00000-of-00001", "b.index", "b.data-00000-of-00001")
        assert "the folder has 2 index files (a.index, b.index); name one of them" in refused(tmp_path)

    def test_another_checkpoint_with_a_longer_name_does_not_count(self, tmp_path: Path) -> None:
        files(tmp_path, "ckpt-1.index", "ckpt-10.index", "ckpt-10.data-00000-of-00001")
        assert "ckpt-1.data-* is missing" in refused(tmp_path / "ckpt-1")

    def test_tensorflow_is_missing(self, tmp_path: Path) -> None:
        files(tmp_path, "model.ckpt-0.index", "model.ckpt-0.data-00000-of-00001")
        for name in ("model.ckpt-0", "model.ckpt-0.index", "model.ckpt-0.data-00000-of-00001", ""):
            assert "needs TensorFlow: pip install 'spinenet-search[convert]'" in refused(tmp_path / name)


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="only TensorFlow can tell that a checkpoint of its own is broken")
    files(tmp_path, "ckpt.index", "ckpt.data-00000-of-00001")
    assert f"checkpoint {tmp_path / 'ckpt'}: its index or data file is broken or cut off" in refused(tmp_path / "ckpt")


def test_a_keras_checkpoint_end_to_end(tmp_path: Path) -> None:
    """A fixture written by TensorFlow, as an object with the same attributes, and read again."""
    tensorflow = pytest.importorskip("tensorflow", reason="writes and reads a checkpoint with TensorFlow")
    fixture = load("retinanet")
    arrays = {key: value for key, value in fixture.weights.items() if key.startswith("head/")}
    checkpoint = tensorflow.train.Checkpoint(**_tree(tensorflow, arrays))
    prefix = checkpoint.write(str(tmp_path / "ckpt"))
    read = read_tensorflow(prefix)
    assert {key for key in read if not key.startswith(("_CHECKPOINTABLE", "save_counter"))} == set(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(read[key], value)


def _tree(tensorflow: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Objects whose attributes give the keys again."""
    root: dict[str, Any] = {}
    for key, value in arrays.items():
        *path, last = key.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE").split("/")
        node = root
        for name in path:
            node = node.setdefault(name, {})
        node[last] = tensorflow.Variable(value)

    def build(tree: dict[str, Any]) -> Any:
        module = tensorflow.train.Checkpoint()
        for name, value in tree.items():
            setattr(module, name, build(value) if isinstance(value, dict) else value)
        return module

    return {name: build(tree) for name, tree in root.items()}


def test_a_saver_checkpoint_end_to_end(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow", reason="writes and reads a checkpoint with TensorFlow")
    fixture = load("tpu_retinanet")
    v1 = tensorflow.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        variables = [v1.get_variable(key, initializer=value) for key, value in fixture.checkpoint.items()]
        session.run(v1.variables_initializer(variables))
        v1.train.Saver(variables).save(session, str(tmp_path / "model.ckpt"), global_step=7)
    detector = convert("tpu", tmp_path, fixture.architecture, settings=fixture.trusted)
    with torch.no_grad():
        actual = detector(fixture.image)["class"][4].permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(actual, fixture.outputs["cls_4"], atol=1e-4)


def test_a_pytorch_checkpoint_with_meta_and_optimiser(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    content = {
        "meta": {"mmdet_version": "1.1.0+unknown", "config": "model = dict()", "CLASSES": ("person",), "epoch": 350},
        "state_dict": {"module.layer.weight": weight, "layer.parameter": torch.nn.Parameter(weight + 1)},
        "optimizer": {"state": {0: {"momentum_buffer": weight}}, "param_groups": [{"lr": 0.28, "params": [0]}]},
    }
    path = tmp_path / "epoch_350.pth"
    torch.save(content, path)
    read = read_torch(path)
    assert sorted(read) == ["layer.parameter", "layer.weight"]
    np.testing.assert_array_equal(read["layer.weight"], weight.numpy())
    torch.save(content["state_dict"], path)
    assert sorted(read_torch(path)) == ["layer.parameter", "layer.weight"]


class Unknown:
    """Something that is no tensor, of a class that reading must not run."""

    def __init__(self, state: object = None) -> None:
        self.state = state

    def __setstate__(self, state: object) -> None:
        raise AssertionError("the class was used")


class Harmful:
    """Runs a command where it is unpickled without care."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def test_a_refused_file_says_how_to_keep_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    torch.save({"meta": Harmful(os.system, "true"), "state_dict": {"a": torch.zeros(1)}}, path)
    with pytest.raises(ConfigError, match=r"nothing else is read \(UnpicklingError\)\. If you trust it") as error:
        read_torch(path)
    assert f"torch.save(torch.load({str(path)!r}, weights_only=False)['state_dict'], 'weights.pth')." in str(
        error.value
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"state_dict": {"a": 1}}, "it holds no state dictionary"),
        ([torch.zeros(1)], "it holds no state dictionary"),
        ({"state_dict": {"a": torch.zeros(1), "b": np.zeros(1)}}, "it holds no state dictionary"),
        ({"state_dict": Unknown({"a": torch.zeros(1)})}, "it holds no state dictionary"),
    ],
)
def test_other_pytorch_files(content: object, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    torch.save(content, path)
    with pytest.raises(ConfigError, match=sentence) as error:
        read_torch(path)
    assert "\n" not in str(error.value)


def test_a_broken_or_missing_pytorch_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_torch(tmp_path / "none.pth")
    path = tmp_path / "file.pth"
    torch.save({"state_dict": {"a": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(ConfigError, match="it is not a PyTorch file of tensors and plain values"):
        read_torch(path)
