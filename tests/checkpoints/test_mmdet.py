"""State dictionaries of the mmdetection ports, held against a network written for the test as the ports are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import search_spaces
from nas.checkpoints import convert
from nas.checkpoints.convert import convert_arrays
from nas.checkpoints.mmdet import prepare
from nas.detectors.boxes import decode, to_corners
from nas.detectors.convention import MMDET
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.retinanet import RetinaNet
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError

SPINENET_49 = search_spaces.load("spinenet-49")
WIDTHS = {2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}
WIDTH, ALPHA, ENDPOINTS, CHANNELS, DEPTH, CLASSES = 0.25, 0.5, 12, 10, 2, 3
EPSILON = 1e-3


class Conv(nn.Module):
    """A convolution without bias, batch normalisation and maybe ReLU: what mmdetection calls a ConvModule."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x.relu() if self.relu else x


class Block(nn.Module):
    """A residual block of ResNet, with ResNet's names."""

    def __init__(self, kind: str, inputs: int, width: int) -> None:
        super().__init__()
        plan = {
            "bottleneck": [(inputs, width, 1), (width, width, 3), (width, 4 * width, 1)],
            "residual": [(inputs, width, 3), (width, width, 3)],
        }[kind]
        self.length, outputs = len(plan), plan[-1][1]
        for number, (before, after, kernel) in enumerate(plan, 1):
            self.add_module(f"conv{number}", nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after, eps=EPSILON))
        if inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs, eps=EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number in range(1, self.length + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = y.relu() if number < self.length else y
        return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class Resample(nn.Module):
    def __init__(self, source: BlockSpec, target: BlockSpec) -> None:
        super().__init__()
        width, self.down = int(WIDTHS[source.level] * WIDTH), target.level - source.level
        narrow = int(width * ALPHA)
        self.squeeze_conv = Conv(width * (4 if source.block_type == "bottleneck" else 1), narrow, 1)
        if self.down > 0:
            self.downsample_conv = Conv(narrow, narrow, 3, 2)
        wide = int(WIDTHS[target.level] * WIDTH) * (4 if target.block_type == "bottleneck" else 1)
        self.expand_conv = Conv(narrow, wide, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_conv(x)
        if self.down > 0:
            x = self.downsample_conv(x)
            kernel = {1: 1, 2: 3}.get(self.down, 5)
            x = F.max_pool2d(x, kernel, 2 ** (self.down - 1), kernel // 2)
        elif self.down < 0:
            x = F.interpolate(x, scale_factor=2**-self.down, mode="nearest")
        return self.expand_conv(x)


class Merge(nn.Module):
    def __init__(self, sources: list[BlockSpec], target: BlockSpec) -> None:
        super().__init__()
        self.resample_ops = nn.ModuleList(Resample(source, target) for source in sources)


class Backbone(nn.Module):
    """SpineNet-49 with the ports' names; its one merge edge goes from node 11 to node 14."""

    def __init__(self, repeats: int) -> None:
        super().__init__()
        self.conv1 = Conv(3, 64, 7, 2)
        first = int(64 * WIDTH)
        self.init_block1 = self.group("bottleneck", 64, first, repeats)
        self.init_block2 = self.group("bottleneck", 4 * first, first, repeats)
        nodes = SPINENET_49.nodes
        self.merge_ops, self.scale_permuted_blocks = nn.ModuleList(), nn.ModuleList()
        for block in SPINENET_49.blocks:
            width = int(WIDTHS[block.level] * WIDTH)
            inputs = width * (4 if block.block_type == "bottleneck" else 1)
            self.merge_ops.append(Merge([nodes[parent] for parent in block.parents], block))
            self.scale_permuted_blocks.append(self.group(block.block_type, inputs, width, repeats))
        self.endpoint_convs = nn.ModuleDict(
            {
                str(level): Conv(4 * int(WIDTHS[level] * WIDTH), ENDPOINTS, 1, relu=False)
                for level in SPINENET_49.outputs
            }
        )

    @staticmethod
    def group(kind: str, inputs: int, width: int, repeats: int) -> nn.Sequential:
        outputs = width * (4 if kind == "bottleneck" else 1)
        return nn.Sequential(*(Block(kind, outputs if repeat else inputs, width) for repeat in range(repeats)))

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.init_block1(F.max_pool2d(self.conv1(x), 3, 2, 1))]
        maps.append(self.init_block2(maps[0]))
        for at, (spec, block) in enumerate(zip(SPINENET_49.blocks, self.scale_permuted_blocks)):
            operations = self.merge_ops.get_submodule(f"{at}.resample_ops").children()
            parts = [resample(maps[parent]) for parent, resample in zip(spec.parents, operations)]
            total = parts[0] + parts[1]
            maps.append(block((total + maps[11] if len(maps) == 14 else total).relu()))
        return [self.endpoint_convs[str(level)](maps[node]) for level, node in SPINENET_49.outputs.items()]


class Head(nn.Module):
    """Convolutions shared by the levels, batch normalisation of each."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("cls_convs", "reg_convs"):
            levels = [
                nn.ModuleList(Conv(CHANNELS if at else ENDPOINTS, CHANNELS, 3) for at in range(DEPTH)) for _ in range(5)
            ]
            for level in levels[1:]:
                for shared, own in zip(levels[0], level):
                    own.conv = shared.conv
            self.add_module(name, nn.ModuleList(levels))
        self.retina_cls = nn.Conv2d(CHANNELS, 9 * CLASSES, 3, padding=1)
        self.retina_reg = nn.Conv2d(CHANNELS, 9 * 4, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        classes, boxes = self.get_submodule("cls_convs"), self.get_submodule("reg_convs")
        return [
            (self.retina_cls(nn.Sequential(*one)(x)), self.retina_reg(nn.Sequential(*two)(x)))
            for x, one, two in zip(maps, classes, boxes)  # type: ignore[call-overload]
        ]


def draw_weights(port: nn.Module) -> None:
    """Weights and statistics from seed 0 that keep values near 1."""
    generator = torch.Generator().manual_seed(0)
    for name, value in port.state_dict().items():
        if value.ndim > 1:
            value.normal_(0, value[0].numel() ** -0.5, generator=generator)
        elif name.endswith(("bias", "running_mean")):
            value.normal_(0, 0.2, generator=generator)
        elif value.ndim == 1:
            value.uniform_(0.5, 1.5, generator=generator)


class Port(nn.Module):
    def __init__(self, repeats: int = 1) -> None:
        super().__init__()
        self.backbone, self.bbox_head = Backbone(repeats), Head()
        draw_weights(self)
        self.eval()

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        maps = self.backbone(images)
        return maps, self.bbox_head(maps)


def arrays_of(port: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in port.state_dict().items() if not key.endswith("num_batches_tracked")}


def refused(arrays: dict[str, np.ndarray], sentence: str, architecture: Architecture = SPINENET_49) -> None:
    with pytest.raises(ConfigError, match=sentence):
        convert_arrays("mmdet", prepare(arrays, "retinanet"), architecture, "retinanet")


def in_our_order(x: Tensor, order: list[int]) -> Tensor:
    """The ports' [B, ratio * scale * k, h, w] -> [B, h * w * scale * ratio, k], its last axis reordered."""
    x = x.unflatten(1, (3, 3, -1)).permute(0, 4, 5, 2, 1, 3)
    return x.flatten(1, 4)[..., order]


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_file_of_the_ports(repeats: int, tmp_path: Path) -> None:
    port, path = Port(repeats), tmp_path / "epoch_350.pth"
    torch.save({"meta": {"epoch": 350, "CLASSES": ("a", "b", "c")}, "state_dict": port.state_dict()}, path)
    detector = convert("mmdet", path, "spinenet-49")
    assert detector.classes == CLASSES + 1
    scaling = detector.scaling
    assert (scaling.width, scaling.alpha, scaling.repeats, scaling.endpoints) == (WIDTH, ALPHA, repeats, ENDPOINTS)
    assert (scaling.convention, scaling.inclusive_pixels, scaling.bn_epsilon) == ("mmdet", True, EPSILON)
    images = torch.randn(2, 3, 128, 256, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps, outputs = port(images)
        raw = detector(images)
    assert isinstance(detector, RetinaNet)
    classes, codes, _ = detector.flatten(raw)
    for level, expected in zip(detector.levels, maps):
        torch.testing.assert_close(raw["endpoints"][level], expected, atol=5e-5, rtol=1e-5)
    expected_classes = torch.cat([in_our_order(x, [0, 1, 2]) for x, _ in outputs], 1)
    expected_codes = torch.cat([in_our_order(x, [1, 0, 3, 2]) for _, x in outputs], 1)
    torch.testing.assert_close(classes[..., 1:], expected_classes, atol=5e-5, rtol=1e-5)
    torch.testing.assert_close(codes, expected_codes, atol=5e-5, rtol=1e-5)


def base_anchors(stride: int, size: float) -> np.ndarray:
    """Their rule in exact steps: around (stride - 1) / 2, sides counted with both end pixels, corners rounded."""
    rows = []
    for ratio in (0.5, 1.0, 2.0):
        for octave in range(3):
            side = stride * size * 2 ** (octave / 3)
            width, height = side / np.sqrt(ratio), side * np.sqrt(ratio)
            middle = (stride - 1) / 2
            rows.append([middle + sign * (extent - 1) / 2 for sign in (-1, 1) for extent in (width, height)])
    return np.round(rows)


@pytest.mark.parametrize("size", [3.0, 4.0, 5.0])
@pytest.mark.parametrize("level", [3, 4, 5, 6, 7])
def test_anchors_lie_on_whole_pixels_as_theirs(level: int, size: float) -> None:
    ours = to_corners(anchor_boxes(((level, (2, 3)),), size, torch.device("cpu"), MMDET)).reshape(2, 3, 3, 3, 4)
    base = torch.from_numpy(base_anchors(2**level, size)).float().reshape(3, 3, 4).transpose(0, 1)
    for row in range(2):
        for column in range(3):
            shift = torch.tensor([column, row, column, row]) * 2**level
            assert torch.equal(ours[row, column], base + shift)


def test_anchors_of_the_first_position() -> None:
    """Numbers of mmdetection 1.1 for a base size of 8 and an octave base scale of 3, ratio by ratio."""
    expected = """-13 -4 20 11  -17 -7 24 14  -23 -9 30 16
                  -8 -8 15 15  -11 -11 18 18  -15 -15 22 22
                  -4 -13 11 20  -7 -17 14 24  -9 -23 16 30"""
    ours = to_corners(anchor_boxes(((3, (1, 1)),), 3.0, torch.device("cpu"), MMDET)).reshape(3, 3, 4).transpose(0, 1)
    assert ours.flatten().tolist() == [float(number) for number in expected.split()]


def test_decoded_boxes_count_their_last_pixel() -> None:
    # Around an anchor of pixels 8 to 15: 8 wide, centre 11.5; moved by half of that and made twice as wide.
    anchors = torch.tensor([[11.5, 11.5, 7.0, 7.0]])
    codes = torch.tensor([[0.0, 0.5, 0.0, float(np.log(2))]])
    torch.testing.assert_close(decode(codes, anchors, (64, 64), True), torch.tensor([[8.0, 8.0, 23.0, 15.0]]))


def test_kernels_that_should_be_shared_and_are_not() -> None:
    arrays = arrays_of(Port())
    arrays["bbox_head.cls_convs.3.1.conv.weight"] = arrays["bbox_head.cls_convs.3.1.conv.weight"] + 1
    refused(arrays, r"bbox_head.cls_convs.3.1.conv.weight differs from bbox_head.cls_convs.0.1.conv.weight")


def test_missing_and_unknown_keys() -> None:
    arrays = arrays_of(Port())
    del arrays["backbone.merge_ops.4.resample_ops.1.expand_conv.bn.weight"]
    arrays["neck.extra"] = np.zeros(1, np.float32)
    refused(arrays, r"1 keys without a place: neck.extra; 1 places without a key: connection5-6.widen.gamma")


def test_other_heads_and_architectures() -> None:
    arrays = arrays_of(Port())
    with pytest.raises(ConfigError, match=r"begins with 'rpn_head.rpn_conv.'; it is not a mask_rcnn checkpoint"):
        prepare(arrays, "mask_rcnn")
    with pytest.raises(ConfigError, match=r"begins with 'bbox_head.retina_cls.'; it is not a retinanet checkpoint"):
        prepare({"backbone.conv1.conv.weight": np.zeros(1)}, "retinanet")
    refused(arrays, "type fpn, which no checkpoint of mmdet has", search_spaces.load("r50-fpn"))
    refused(arrays, r"^checkpoint: ", search_spaces.load("r0-sp53"))


def test_a_wiring_that_the_ports_merge_differently_is_refused() -> None:
    """They add a block into its own only consumer once more, if level and type are the same."""
    nodes = list(SPINENET_49.blocks)
    nodes[9] = BlockSpec(4, "bottleneck", (8, 10))  # node 11, which nothing consumes
    nodes[10] = BlockSpec(4, "bottleneck", (5, 11), True)
    architecture = Architecture(SPINENET_49.stem, tuple(nodes))
    refused(arrays_of(Port()), "block 11 is a parent of block 12", architecture)
