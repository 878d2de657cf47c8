"""Run the backbone of a PyTorch port of SpineNet, convert its state dictionaries, and compare.

    python results/parity/mmdet_port.py PORT/mmdet/models/backbones/spinenet.py

The port's file runs unchanged (that of lucifer443/SpineNet-Pytorch and yan-roo/SpineNet-Pytorch is the same); what it
imports from mmdetection 1.1 and mmcv, and the heads of RetinaNet and Mask R-CNN, are written here anew. Widths are cut
down: it takes seconds.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from nas.checkpoints import convert
from nas.detectors.boxes import decode, to_corners
from nas.detectors.detector import Detector
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.regions import decode_regions
from nas.detectors.heads.retinanet import RetinaNet
from nas.detectors.heads.towers import flatten_levels

SIZES = {
    "49": {"endpoints_num_filters": 32, "filter_size_scale": 0.25, "resample_alpha": 0.5, "block_repeats": 1},
    "96": {"endpoints_num_filters": 24, "filter_size_scale": 0.65, "resample_alpha": 1.0, "block_repeats": 2},
}
EPSILON = 1e-3
NORM: dict[str, Any] = {"type": "BN", "eps": EPSILON}
CLASSES, DEPTH, CHANNELS, ANCHOR_SIZE = 5, 4, 32, 3.0
FC_CHANNELS, REGIONS, CODE_SCALES = 48, 300, (0.1, 0.1, 0.2, 0.2)
IMAGE, MASK_IMAGE = (256, 384), (512, 640)
STRIDES = (8, 16, 32, 64, 128)
SWAP = [1, 0, 3, 2]  # dx, dy, dw, dh and ty, tx, th, tw
OURS = [ratio * 3 + scale for scale in range(3) for ratio in range(3)]  # anchors: their order is ratio, scale
MAX_LOG_SIZE = math.log(1000 / 16)


class ConvModule(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        conv_cfg: None = None,
        norm_cfg: dict[str, Any] = NORM,
        act_cfg: str | None = "ReLU",
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=norm_cfg["eps"])
        self.active = act_cfg is not None

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x.relu() if self.active else x


class _Block(nn.Module):
    expansion = 1

    def __init__(self, plan: list[tuple[int, int, int]], downsample: nn.Module | None) -> None:
        super().__init__()
        self.count, self.downsample = len(plan), downsample
        for at, (inputs, outputs, kernel) in enumerate(plan, 1):
            self.add_module(f"conv{at}", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False))
            self.add_module(f"bn{at}", nn.BatchNorm2d(outputs, eps=EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for at in range(1, self.count + 1):
            y = self.get_submodule(f"bn{at}")(self.get_submodule(f"conv{at}")(y))
            y = y.relu() if at < self.count else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class BasicBlock(_Block):
    def __init__(self, inputs: int, width: int, downsample: nn.Module | None = None) -> None:
        super().__init__([(inputs, width, 3), (width, width, 3)], downsample)


class Bottleneck(_Block):
    expansion = 4

    def __init__(self, inputs: int, width: int, downsample: nn.Module | None = None) -> None:
        super().__init__([(inputs, width, 1), (width, width, 3), (width, 4 * width, 1)], downsample)


def make_res_layer(block: Any, inputs: int, width: int, blocks: int, **_: Any) -> nn.Sequential:
    """A group of blocks without stride; the first has a projection where channels change."""
    outputs = width * block.expansion
    downsample = None
    if inputs != outputs:
        downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, eps=EPSILON))
    return nn.Sequential(block(inputs, width, downsample), *(block(outputs, width) for _ in range(1, blocks)))


class Head(nn.Module):
    """Shared convolutions, a batch normalisation of each level's own (RetinaSepBNHead)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("cls_convs", "reg_convs"):
            widths = [channels] + [CHANNELS] * (DEPTH - 1)
            levels = [nn.ModuleList(ConvModule(width, CHANNELS, 3, 1, 1) for width in widths) for _ in range(5)]
            for level in levels[1:]:
                for first, own in zip(levels[0], level):
                    own.conv = first.conv
            self.add_module(name, nn.ModuleList(levels))
        self.retina_cls = nn.Conv2d(CHANNELS, 9 * CLASSES, 3, padding=1)
        self.retina_reg = nn.Conv2d(CHANNELS, 9 * 4, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits [B, N, CLASSES] and codes [B, N, 4] (dx, dy, dw, dh) of all levels, anchors in our order."""
        found = []
        for name, predictor in (("cls_convs", self.retina_cls), ("reg_convs", self.retina_reg)):
            towers = self.get_submodule(name).children()
            levels = [predictor(nn.Sequential(*tower)(x)) for tower, x in zip(towers, maps)]
            rows = [x.permute(0, 2, 3, 1).unflatten(3, (9, -1))[..., OURS, :].flatten(1, 3) for x in levels]
            found.append(torch.cat(rows, 1))
        return found[0], found[1]


class RPNHead(nn.Module):
    """A convolution without batch normalisation and two predictors, shared by the levels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rpn_conv = nn.Conv2d(channels, CHANNELS, 3, padding=1)
        self.rpn_cls = nn.Conv2d(CHANNELS, 3, 1)
        self.rpn_reg = nn.Conv2d(CHANNELS, 3 * 4, 1)

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Of each level logits [B, n] and codes [B, n, 4] (dx, dy, dw, dh)."""
        towers = [self.rpn_conv(x).relu() for x in maps]
        logits = [self.rpn_cls(x).permute(0, 2, 3, 1).flatten(1) for x in towers]
        return logits, [self.rpn_reg(x).permute(0, 2, 3, 1).reshape(len(x), -1, 4) for x in towers]


def towers_of(channels: int) -> nn.ModuleList:
    return nn.ModuleList(ConvModule(width, CHANNELS, 3, 1, 1) for width in [channels] + [CHANNELS] * (DEPTH - 1))


class ConvFCBBoxHead(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shared_convs = towers_of(channels)
        self.shared_fcs = nn.ModuleList([nn.Linear(CHANNELS * 7 * 7, FC_CHANNELS)])
        self.fc_cls, self.fc_reg = nn.Linear(FC_CHANNELS, CLASSES + 1), nn.Linear(FC_CHANNELS, 4 * (CLASSES + 1))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """[R, C, 7, 7] -> logits [R, K], codes [R, K, 4] (dx, dy, dw, dh)."""
        x = nn.Sequential(*self.shared_convs)(crops).flatten(1)
        x = self.shared_fcs[0](x).relu()
        return self.fc_cls(x), self.fc_reg(x).unflatten(1, (-1, 4))


class FCNMaskHead(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = towers_of(channels)
        self.upsample = nn.ConvTranspose2d(CHANNELS, CHANNELS, 2, 2)
        self.conv_logits = nn.Conv2d(CHANNELS, CLASSES + 1, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """[R, C, 14, 14] -> logits [R, K, 28, 28]."""
        x: Tensor = self.conv_logits(self.upsample(nn.Sequential(*self.convs)(crops)).relu())
        return x


def crops_of(maps: list[Tensor], image: int, rois: Tensor, size: int) -> Tensor:
    """RoIAlign (``sample_num=2``, ``aligned=False``) of an image's regions [R, 4], each on one of four levels."""
    scale = ((rois[:, 2] - rois[:, 0] + 1) * (rois[:, 3] - rois[:, 1] + 1)).sqrt()
    levels = (scale / 56 + 1e-6).log2().floor().clamp(0, 3).long()
    return torch.stack(
        [crop_of(maps[at][image], roi / STRIDES[at], 1 / STRIDES[at], size) for at, roi in zip(levels, rois)]
    )


def crop_of(x: Tensor, roi: Tensor, pixel: float, size: int) -> Tensor:
    """One region (xyxy, in positions) of a map [C, h, w]: [C, size, size]; samples outside the map are 0."""
    x1, y1, x2, y2 = roi.tolist()
    bins_y, bins_x = max(y2 + pixel - y1, 0.0) / size, max(x2 + pixel - x1, 0.0) / size
    crop = x.new_zeros(len(x), size, size)
    for row in range(size):
        for column in range(size):
            samples = [
                sample(x, y1 + (row + (i + 0.5) / 2) * bins_y, x1 + (column + (j + 0.5) / 2) * bins_x)
                for i in (0, 1)
                for j in (0, 1)
            ]
            crop[:, row, column] = sum(samples) / 4
    return crop


def sample(x: Tensor, at_y: float, at_x: float) -> Tensor:
    """The bilinear value [C] of a map at a position: 0 beyond the map's size or below -1, the edge's up to there."""
    height, width = x.shape[1:]
    if not (-1 <= at_y <= height and -1 <= at_x <= width):
        return x.new_zeros(len(x))
    at_y, at_x = min(max(at_y, 0.0), height - 1), min(max(at_x, 0.0), width - 1)
    top, left = int(at_y), int(at_x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, along = at_y - top, at_x - left
    upper = x[:, top, left] * (1 - along) + x[:, top, right] * along
    return upper * (1 - down) + (x[:, bottom, left] * (1 - along) + x[:, bottom, right] * along) * down


def proposals_of(logits: list[Tensor], boxes: list[Tensor]) -> Tensor:
    """Regions of an image from the logits [n] and boxes [n, 4] of each level: the overlap counts last pixels in."""
    found, scores = [], []
    for logit, box in zip(logits, boxes):
        score, order = logit.sigmoid().topk(min(1000, len(logit)))
        kept = nms(box[order] + torch.tensor([0.0, 0.0, 1.0, 1.0]), score, 0.7)
        found.append(box[order[kept]])
        scores.append(score[kept])
    return torch.cat(found)[torch.cat(scores).argsort(descending=True)[:1000]]


def anchors_of(maps: list[Tensor], octaves: int = 3) -> Tensor:
    """Corners [N, 4] of mmdetection 1.1's anchors: rounded, the last pixel counted in, strides 8 to 128."""
    rows = []
    for x, stride in zip(maps, STRIDES):
        ratios = torch.tensor([0.5, 1.0, 2.0]).sqrt()[:, None]
        scales = torch.tensor([ANCHOR_SIZE * 2 ** (octave / octaves) for octave in range(octaves)])
        half = (torch.stack([stride / ratios * scales, stride * ratios * scales], -1).reshape(-1, 2) - 1) / 2
        middle = (stride - 1) / 2
        base = torch.cat([middle - half, middle + half], 1).round()
        base = base[OURS] if octaves > 1 else base
        down, right = (torch.arange(length) * stride for length in x.shape[2:])
        top, left = torch.meshgrid(down, right, indexing="ij")
        rows.append((torch.stack([left, top, left, top], -1)[:, :, None] + base).reshape(-1, 4))
    return torch.cat(rows)


def boxes_of(anchors: Tensor, codes: Tensor, image: tuple[int, int] = IMAGE) -> Tensor:
    """Corners [..., 4] of mmdetection 1.1's boxes, clipped to the image."""
    low, sides = anchors[:, :2], anchors[:, 2:] - anchors[:, :2] + 1
    centres = low + (sides - 1) / 2 + codes[..., :2] * sides
    half = codes[..., 2:].clamp(-MAX_LOG_SIZE, MAX_LOG_SIZE).exp() * sides / 2
    corners = torch.cat([centres - half + 0.5, centres + half - 0.5], -1)
    return torch.minimum(corners.clamp(min=0), torch.tensor([image[1] - 1.0, image[0] - 1.0] * 2))


def load_port(path: Path) -> types.ModuleType:
    """The port's module, with this file's classes for what it imports."""

    def register_module(cls: type) -> type:
        return cls

    here = sys.modules[__name__]
    found = {
        "mmdet": None,
        "mmdet.ops": here,
        "mmdet.models": None,
        "mmdet.models.backbones": None,
        "mmdet.models.backbones.resnet": here,
        "mmdet.models.registry": types.SimpleNamespace(
            BACKBONES=types.SimpleNamespace(register_module=register_module)
        ),
        "mmcv": None,
        "mmcv.cnn": types.SimpleNamespace(constant_init=None, kaiming_init=None),  # initial weights: not called
    }
    for name, content in found.items():
        sys.modules[name] = content or types.ModuleType(name)  # type: ignore[assignment]
    module = types.ModuleType("mmdet.models.backbones.spinenet")
    module.__package__ = "mmdet.models.backbones"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def convert_network(
    port: types.ModuleType, size: str, head: str, **parts: type[nn.Module]
) -> tuple[nn.Module, Detector]:
    """A network of the port's backbone and heads with random weights, and what its state dictionary converts to."""
    port.SCALING_MAP[size] = SIZES[size]
    network = nn.Module()
    network.backbone = port.SpineNet(size, norm_cfg=NORM)
    for name, part in parts.items():
        network.add_module(name, part(SIZES[size]["endpoints_num_filters"]))
    for name, value in network.state_dict().items():
        if value.ndim == 4:
            small = 0.2 if name == "rpn_head.rpn_reg.weight" else 1.0  # sides between 0.016 and 62.5 of the anchors'
            value.normal_(0, small * value[0].numel() ** -0.5)
        elif value.ndim == 1:
            value.normal_(0, 0.2) if name.endswith(("bias", "running_mean")) else value.uniform_(0.5, 1.5)
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "epoch_1.pth"
        torch.save({"meta": {"epoch": 1}, "state_dict": network.state_dict()}, path)
        return network, convert("mmdet", path, "spinenet-49", head, settings={"anchor_size": ANCHOR_SIZE})


def compare_retinanet(port: types.ModuleType, size: str) -> None:
    """One size of the port's RetinaNet: print the largest differences."""
    network, detector = convert_network(port, size, "retinanet", bbox_head=Head)
    assert isinstance(detector, RetinaNet)
    images = torch.randn(2, 3, *IMAGE)
    with torch.no_grad():
        maps = network.get_submodule("backbone")(images)
        classes, codes = network.get_submodule("bbox_head")(maps)
        raw = detector(images)
    ours_classes, ours_codes, anchors = detector.flatten(raw)
    ours_boxes = decode(ours_codes, anchors.expand_as(ours_codes), IMAGE, inclusive=True)
    pairs = {
        "endpoints": (
            torch.cat([x.flatten() for x in raw["endpoints"].values()]),
            torch.cat([x.flatten() for x in maps]),
        ),
        "class": (ours_classes[..., 1:], classes),
        "box": (ours_codes, codes[..., SWAP]),
        "anchors": (to_corners(anchors), anchors_of(maps)),
        "decoded boxes": (ours_boxes, boxes_of(anchors_of(maps), codes)),
    }
    print_differences(detector, pairs)


def print_differences(detector: Detector, pairs: dict[str, tuple[Tensor, Tensor]]) -> None:
    found = [f"{name} {(a - b).abs().max():.1e} ({b.abs().max():.3g})" for name, (a, b) in pairs.items()]
    scaling = detector.scaling
    print(f"{detector.head_name}, width {scaling.width}, repeats {scaling.repeats}: {', '.join(found)}")


def regions() -> Tensor:
    """Regions [R, 4] within ``MASK_IMAGE``: of all sizes, of one pixel, at the borders, at a change of the level."""
    far = torch.tensor([MASK_IMAGE[1] - 1.0, MASK_IMAGE[0] - 1.0])
    low = torch.rand(REGIONS, 2) * far
    high = low + torch.rand(REGIONS, 2) ** 2 * (far - low)
    high[: REGIONS // 5] = low[: REGIONS // 5] + torch.rand(REGIONS // 5, 2) * 3
    high[: REGIONS // 3 : 2] = far
    high = high.minimum(far)
    special = [[0, 0, 0, 0], [639, 511, 639, 511], [0, 0, 639, 511], [0, 0, 639, 0], [639, 0, 639, 511]]
    special += [[8, 8, 8 + side, 8 + side] for side in (110, 111, 112, 222, 223, 224, 446, 447, 448)]
    return torch.cat([torch.cat([low, high], 1), torch.tensor(special, dtype=torch.float32)])


@torch.no_grad()
def compare_mask_rcnn(port: types.ModuleType, size: str) -> None:
    """One size of the port's Mask R-CNN: print the largest differences, and how many proposals are the same."""
    heads = {"rpn_head": RPNHead, "bbox_head": ConvFCBBoxHead, "mask_head": FCNMaskHead}
    network, detector = convert_network(port, size, "mask_rcnn", **heads)
    assert isinstance(detector, MaskRCNN)
    images = torch.randn(1, 3, *MASK_IMAGE)
    maps = network.get_submodule("backbone")(images)
    logits, codes = network.get_submodule("rpn_head")(maps)
    raw = detector(images)
    anchors = anchors_of(maps, octaves=1)
    boxes = boxes_of(anchors, torch.cat(codes, 1)[0], MASK_IMAGE)
    ours_codes = flatten_levels(list(raw["box"].values()), 4)
    rois, labels = regions(), torch.arange(len(regions())) % (CLASSES + 1)
    scores, region_codes = network.get_submodule("bbox_head")(crops_of(maps, 0, rois, 7))
    masks = network.get_submodule("mask_head")(crops_of(maps, 0, rois, 14))[torch.arange(len(rois)), labels]
    ours_scores, flat = detector.box_outputs(raw["endpoints"], [rois])
    ours_region_codes = flat.unflatten(1, (-1, 4))
    own = torch.arange(len(rois)), labels
    scaled = region_codes[own] * torch.tensor(CODE_SCALES)
    pairs = {
        "RPN class": (flatten_levels(list(raw["class"].values()), 1)[..., 0], torch.cat(logits, 1)),
        "RPN box": (ours_codes, torch.cat(codes, 1)[..., SWAP]),
        "RPN boxes": (decode(ours_codes[0], detector.anchors(raw), MASK_IMAGE, inclusive=True), boxes),
        "class": (ours_scores, scores),
        "box": (ours_region_codes, region_codes[..., SWAP]),
        "boxes": (decode_regions(ours_region_codes[own], rois, MASK_IMAGE, True), boxes_of(rois, scaled, MASK_IMAGE)),
        "mask": (detector.mask_outputs(raw["endpoints"], [rois], labels), masks),
    }
    print_differences(detector, pairs)
    (ours,) = detector.proposals(raw, MASK_IMAGE)
    theirs = proposals_of([x[0] for x in logits], list(boxes.split([x.shape[1] for x in logits])))
    same = (torch.cdist(ours.double(), theirs.double(), p=math.inf) < 0.01).any(1).sum()
    print(f"{len(ours)} proposals, of mmdetection {len(theirs)}, in both {same}")


def main() -> None:
    """Compare two sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    port = load_port(parser.parse_args().file)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for compare in (compare_retinanet, compare_mask_rcnn):
        for size in SIZES:
            compare(port, size)


if __name__ == "__main__":
    main()
