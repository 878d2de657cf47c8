"""A trained detector of a configuration, its classes by name, and its fast copy."""

from pathlib import Path

import pytest
import torch

from nas.command_line.trained import batch_size, class_labels, fast_copy, file_digest, load_trained, map_classes
from search_spaces.errors import ConfigError
from tests.datasets.square_support import blank_data
from tests.nas.trained_support import NAMES, write_weights


def config(path: Path, **changes: object) -> dict[str, object]:
    return {"weights": str(path), "image_size": None, "device": "cpu", **changes}


def test_the_weights_tell_size_names_and_threshold(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "w.safetensors", threshold=0.4)
    trained = load_trained(config(path), "evaluation")
    assert (trained.class_names, trained.image_size, trained.threshold) == (NAMES, 32, 0.4)
    assert not trained.detector.training
    assert load_trained(config(path, image_size=64), "evaluation").image_size == 64
    assert class_labels(trained, []) == [1, 2, 3]
    assert class_labels(trained, ["cross", "disc"]) == [1, 3]
    with pytest.raises(ConfigError, match=r"classes has 'dics' \(did you mean 'disc'\?\); weights .* know: disc, tri"):
        class_labels(trained, ["dics"])
    with pytest.raises(ConfigError, match=r"weights .* and data set blank have different classes: 3 and 2 of them;"):
        map_classes(trained, blank_data(1))


def test_a_file_that_tells_nothing(tmp_path: Path) -> None:
    trained = load_trained(config(write_weights(tmp_path / "w.safetensors", names=None), image_size=64), "evaluation")
    assert (trained.class_names, trained.threshold) == (None, None)
    assert trained.names() == ("class 1", "class 2", "class 3")


def test_the_fast_copy_finds_the_same(tmp_path: Path) -> None:
    detector = load_trained(config(write_weights(tmp_path / "w.safetensors")), "evaluation").detector
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, fast = detector(images)["class"], fast_copy(detector)(images)["class"]
    assert all(torch.allclose(plain[level], fast[level], atol=1e-4) for level in plain)


def test_a_digest_stands_for_the_content(tmp_path: Path) -> None:
    for name, content in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(content)
    digests = [file_digest(str(tmp_path / name)) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 16


@pytest.mark.parametrize(("size", "count"), [(32, 16), (96, 16), (320, 4), (640, 1), (1280, 1)])
def test_a_batch_suits_the_image_size(tmp_path: Path, size: int, count: int) -> None:
    trained = load_trained(config(write_weights(tmp_path / "w.safetensors"), image_size=size), "evaluation")
    assert batch_size(None, trained) == count
    assert batch_size(3, trained) == 3
    with pytest.raises(ConfigError, match="batch is 0; it must be at least 1"):
        batch_size(0, trained)
