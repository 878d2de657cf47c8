"""Mask R-CNN of the mmdetection ports: names and channels, and how regions are read, against plain loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.checkpoints import convert
from nas.checkpoints.convert import convert_arrays
from nas.checkpoints.mmdet import prepare
from nas.detectors.convention import MMDET, TPU
from nas.detectors.heads.fixed_shapes import align_fixed
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.regions import align_regions, decode_regions, roi_levels
from search_spaces.errors import ConfigError
from tests.checkpoints.test_mmdet import (
    CHANNELS,
    DEPTH,
    ENDPOINTS,
    SPINENET_49,
    Backbone,
    Conv,
    arrays_of,
    draw_weights,
)

CLASSES, FC_CHANNELS, MASK_DEPTH = 4, 9, 1
SWAP = [1, 0, 3, 2]  # dx, dy, dw, dh -> ty, tx, th, tw
SIZE = (128, 256)


class Heads(nn.Module):
    """mmdetection's names: rpn_head, bbox_head and mask_head, each with its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.rpn_head, self.bbox_head, self.mask_head = (
            Backbone(1),
            nn.Module(),
            nn.Module(),
            nn.Module(),
        )
        self.rpn_head.rpn_conv = nn.Conv2d(ENDPOINTS, CHANNELS, 3, padding=1)
        self.rpn_head.rpn_cls = nn.Conv2d(CHANNELS, 3, 1)
        self.rpn_head.rpn_reg = nn.Conv2d(CHANNELS, 12, 1)
        self.bbox_head.shared_convs = self.tower(DEPTH)
        self.bbox_head.shared_fcs = nn.ModuleList([nn.Linear(CHANNELS * 49, FC_CHANNELS)])
        self.bbox_head.fc_cls = nn.Linear(FC_CHANNELS, CLASSES)
        self.bbox_head.fc_reg = nn.Linear(FC_CHANNELS, 4 * CLASSES)
        self.mask_head.convs = self.tower(MASK_DEPTH)
        self.mask_head.upsample = nn.ConvTranspose2d(CHANNELS, CHANNELS, 2, 2)
        self.mask_head.conv_logits = nn.Conv2d(CHANNELS, CLASSES, 1)
        draw_weights(self)
        self.eval()

    @staticmethod
    def tower(depth: int) -> nn.Sequential:
        return nn.Sequential(*(Conv(CHANNELS if at else ENDPOINTS, CHANNELS, 3) for at in range(depth)))

    def boxes(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        head = self.bbox_head
        x = head.shared_fcs[0](head.shared_convs(crops).flatten(1)).relu()
        return head.fc_cls(x), head.fc_reg(x)

    def masks(self, crops: Tensor) -> Tensor:
        return self.mask_head.conv_logits(self.mask_head.upsample(self.mask_head.convs(crops)).relu())


def read(x: Tensor, y: float, column: float) -> Tensor:
    """A map [C, h, w] between its positions, the outermost ones beyond them."""
    y, column = min(y, x.shape[1] - 1.0), min(column, x.shape[2] - 1.0)
    total = torch.zeros(len(x), dtype=x.dtype)
    for row, share in ((math.floor(y), 1 - y % 1), (math.ceil(y), y % 1)):
        for at, part in ((math.floor(column), 1 - column % 1), (math.ceil(column), column % 1)):
            total += x[:, row, at] * share * part
    return total


def crop(maps: dict[int, Tensor], box: list[float], size: int) -> Tensor:
    """A region of maps [C, h, w]: four values a bin, the last pixel in; below a side of 112 the lowest level."""
    width, height = box[2] + 1 - box[0], box[3] + 1 - box[1]
    above = sum(math.sqrt(width * height) / bound + 1e-6 >= 1 for bound in (112, 224, 448))
    level = min(maps) + above
    result = torch.zeros(len(maps[level]), size, size, dtype=maps[level].dtype)
    for row in range(2 * size):
        for column in range(2 * size):
            y, x = (box[1] + height * (row + 0.5) / (2 * size)), (box[0] + width * (column + 0.5) / (2 * size))
            result[:, row // 2, column // 2] += read(maps[level], y / 2**level, x / 2**level) / 4
    return result


def regions(count: int, height: int, width: int) -> Tensor:
    """Of all sizes, to the last pixel; some of them smaller than one, some at the far corner."""
    far = torch.tensor([width - 1.0, height - 1.0], dtype=torch.float64)
    low = torch.rand(count, 2, dtype=torch.float64) * far
    high = low + torch.rand(count, 2, dtype=torch.float64) ** 2 * (far - low)
    high[::3] = low[::3] + 0.3 * torch.rand(1)
    high[1::4] = far
    return torch.cat([low, high.minimum(far)], 1)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1, 3, 7]), lowest=st.sampled_from([2, 3]))
def test_regions_are_read_as_in_a_plain_loop(seed: int, size: int, lowest: int) -> None:
    torch.manual_seed(seed)
    levels = range(lowest, lowest + 5)
    maps = {level: torch.randn(2, 3, 512 // 2**level, 640 // 2**level, dtype=torch.float64) for level in levels}
    rois = [regions(6, 512, 640), regions(3, 512, 640)]
    found = align_regions(maps, rois, size, MMDET)
    expected = [
        crop({level: x[at] for level, x in maps.items()}, box.tolist(), size) for at in (0, 1) for box in rois[at]
    ]
    torch.testing.assert_close(found, torch.stack(expected))
    fixed = align_fixed({level: x[:1] for level, x in maps.items()}, rois[0], size, MMDET)
    torch.testing.assert_close(fixed, found[:6])


@pytest.mark.parametrize(("side", "level"), [(1, 3), (111, 3), (112, 4), (223, 4), (224, 5), (448, 6), (4000, 6)])
def test_level_of_a_square_with_its_last_pixel(side: int, level: int) -> None:
    box = torch.tensor([[8.0, 9, 7 + side, 8 + side]])
    assert roi_levels(box, 3, 7, MMDET).tolist() == [level]
    assert roi_levels(box, 2, 6, MMDET).tolist() == [level - 1]
    assert roi_levels(box, 3, 4, MMDET).tolist() == [min(level, 4)]


def test_other_conventions_read_once_a_bin() -> None:
    maps, rois = {3: torch.randn(1, 2, 16, 16)}, [torch.tensor([[8.0, 8, 40, 72]])]
    once = align_regions(maps, rois, 7, TPU)
    assert torch.equal(once, align_regions(maps, rois, 7))
    assert not torch.allclose(once, align_regions(maps, rois, 7, MMDET), atol=1e-3)


@pytest.mark.parametrize("epsilon", [None, 1e-5])
@torch.no_grad()
def test_a_file_of_the_port(epsilon: float | None, tmp_path: Path) -> None:
    port, path = Heads(), tmp_path / "mask_rcnn.pth"
    norms = [module for module in port.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.eps = epsilon or norm.eps
    torch.save({"meta": {"epoch": 350}, "state_dict": port.state_dict()}, path)
    detector = convert(
        "mmdet", path, "spinenet-49", "mask_rcnn", settings={} if epsilon is None else {"bn_epsilon": epsilon}
    )
    assert isinstance(detector, MaskRCNN)
    scaling = detector.scaling
    assert (detector.classes, scaling.head_depth, scaling.mask_depth, scaling.rpn_depth) == (CLASSES, DEPTH, 1, 1)
    assert (scaling.fc_channels, scaling.head_channels, scaling.convention) == (FC_CHANNELS, CHANNELS, "mmdet")
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    maps, raw = port.backbone(images), detector(images)
    for level, x in zip(detector.levels, maps):
        shared = port.rpn_head.rpn_conv(x).relu()
        close(raw["class"][level], port.rpn_head.rpn_cls(shared))
        close(raw["box"][level].unflatten(1, (3, 4)), port.rpn_head.rpn_reg(shared).unflatten(1, (3, 4))[:, :, SWAP])
    check_regions(port, detector, dict(zip(detector.levels, maps)), raw["endpoints"])


def check_regions(port: Heads, detector: MaskRCNN, maps: dict[int, Tensor], endpoints: dict[int, Tensor]) -> None:
    torch.manual_seed(2)
    rois, labels = regions(8, *SIZE).float(), torch.arange(8) % CLASSES
    own = {level: x[0] for level, x in maps.items()}
    logits, codes = port.boxes(torch.stack([crop(own, box.tolist(), 7) for box in rois]))
    ours, ours_codes = detector.box_outputs(endpoints, [rois])
    close(ours, logits)
    close(ours_codes.unflatten(1, (-1, 4)), codes.unflatten(1, (-1, 4))[..., SWAP])
    masks = port.masks(torch.stack([crop(own, box.tolist(), 14) for box in rois]))
    close(detector.mask_outputs(endpoints, [rois], labels), masks[torch.arange(8), labels])


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=5e-5, rtol=1e-5)


def test_boxes_of_regions_count_their_last_pixel() -> None:
    # A region of pixels 10 to 19 (width 10, middle 14.5) moved by 0.1 * 2 of its width, twice as wide.
    codes = torch.tensor([[0.0, 2.0, 0.0, 5 * math.log(2)]])
    boxes = decode_regions(codes, torch.tensor([[10.0, 10, 19, 19]]), (64, 64), inclusive=True)
    torch.testing.assert_close(boxes, torch.tensor([[7.0, 10, 26, 19]]))


def test_what_the_heads_lack_or_have_too_much() -> None:
    arrays = arrays_of(Heads())
    del arrays["mask_head.upsample.bias"]
    arrays["bbox_head.shared_fcs.1.weight"] = np.zeros((FC_CHANNELS, FC_CHANNELS), np.float32)
    with pytest.raises(ConfigError, match=r"place: bbox_head.shared_fcs.1.weight; .* key: mask_head.deconv.bias"):
        convert_arrays("mmdet", prepare(arrays, "mask_rcnn"), SPINENET_49, "mask_rcnn")
    with pytest.raises(ConfigError, match=r"begins with 'bbox_head.retina_cls.'; it is not a retinanet checkpoint"):
        prepare(arrays, "retinanet")
