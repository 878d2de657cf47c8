"""The box head and the mask head."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas.detectors import Scaling
from nas.detectors.heads.region_heads import BoxHead, MaskHead

SCALING = Scaling(head_channels=5, head_depth=2, fc_channels=7).resolved("mask_rcnn")


@pytest.mark.parametrize("changes", [{}, {"separable": True}, {"activation": "swish"}, {"head_depth": 0}])
@pytest.mark.parametrize("training", [True, False])
def test_shapes_of_the_heads(changes: dict[str, object], training: bool) -> None:
    scaling = dataclasses.replace(SCALING, **changes)  # type: ignore[arg-type]
    box, mask = BoxHead(6, 4, scaling).train(training), MaskHead(6, 4, scaling).train(training)
    logits, codes = box(torch.randn(3, 6, 7, 7))
    assert (logits.shape, codes.shape) == ((3, 4), (3, 16))
    assert mask(torch.randn(3, 6, 14, 14), torch.tensor([1, 0, 3])).shape == (3, 28, 28)


def test_heads_of_no_regions() -> None:
    logits, codes = BoxHead(6, 4, SCALING).eval()(torch.randn(0, 6, 7, 7))
    assert (logits.shape, codes.shape) == ((0, 4), (0, 16))
    masks = MaskHead(6, 4, SCALING).eval()(torch.randn(0, 6, 14, 14), torch.zeros(0, dtype=torch.int64))
    assert masks.shape == (0, 28, 28)


def test_a_regions_mask_is_its_classs_channel() -> None:
    head, features = MaskHead(6, 4, SCALING).eval(), torch.randn(3, 6, 14, 14)
    labels = torch.tensor([1, 3, 0])
    x = head.predictor(head.norm(head.upsample(head.tower(features))).relu())
    torch.testing.assert_close(head(features, labels), x[torch.arange(3), labels], atol=1e-6, rtol=1e-4)


def test_the_dense_layer_takes_channel_row_column() -> None:
    head = BoxHead(6, 4, dataclasses.replace(SCALING, head_depth=0)).eval()
    features = torch.randn(2, 6, 7, 7).contiguous(memory_format=torch.channels_last)
    x = torch.einsum("rchw,fchw->rf", features, head.fc.weight.unflatten(1, (6, 7, 7)))
    expected = head.class_predictor((x / (1 + head.fc_norm.epsilon) ** 0.5).relu())
    torch.testing.assert_close(head(features)[0], expected, atol=1e-6, rtol=1e-4)
