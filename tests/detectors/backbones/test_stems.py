"""The convolutions in front of the first block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nas.detectors.backbones.stems import Stem, mobile_stem
from nas.detectors.parts import Role
from tests.detectors.support import tiny


@pytest.mark.parametrize("activation", ["relu", "swish"])
@pytest.mark.parametrize("convention", ["tpu", "model_garden", "mmdet"])
def test_a_stem_is_convolution_activation_pooling(convention: str, activation: str) -> None:
    """ReLU is computed after the pooling, which must change nothing."""
    stem = Stem(8, tiny(convention, activation=activation)).eval()
    images = torch.randn(2, 3, 32, 48)
    x = stem.conv(images)
    x = x.relu() if activation == "relu" else F.silu(x)
    before, after = (1, 1) if convention == "mmdet" else (0, 1)
    expected = F.max_pool2d(F.pad(x, (before, after, before, after), value=-torch.inf), 3, 2)[:, :, :8, :12]
    found = stem(images)
    assert found.shape == (2, 8, 8, 12)
    torch.testing.assert_close(found, expected)


def test_a_stem_takes_odd_sizes() -> None:
    assert Stem(4, tiny("tpu")).eval()(torch.randn(1, 3, 33, 50)).shape == (1, 4, 9, 13)


def test_a_mobile_stem_is_one_activated_convolution() -> None:
    stem = mobile_stem(4, tiny("tpu", activation="swish")).eval()
    images = torch.randn(1, 3, 32, 47)
    found = stem(images)
    assert found.shape == (1, 4, 16, 24)
    torch.testing.assert_close(found, F.silu(stem.norm(F.conv2d(images, stem.weight, None, 2, 1))))


@pytest.mark.parametrize("kernel", [7, 3])
def test_parts_and_roles_name_the_one_convolution(kernel: int) -> None:
    scaling = tiny("tpu")
    stem, key = (Stem(8, scaling), "stem.conv") if kernel == 7 else (mobile_stem(8, scaling), "stem")
    (part,) = stem.parts("stem convolution", 1, (64, 32))
    assert (part.name, part.level, part.positions) == ("stem convolution", 1, 32 * 16)
    roles = dict(stem.roles(Role("stem"), "stem"))
    assert roles[Role("stem", part="kernel")].key == f"{key}.weight"
    assert len(roles) == len(stem.state_dict()) == 5
