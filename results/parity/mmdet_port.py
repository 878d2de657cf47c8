"""Run the backbone of a PyTorch port of SpineNet, convert its state dictionary, and compare.

    python results/parity/mmdet_port.py PORT/mmdet/models/backbones/spinenet.py

The port's file runs unchanged (that of lucifer443/SpineNet-Pytorch and yan-roo/SpineNet-Pytorch is the same); what it
imports from mmdetection 1.1 and mmcv, and the head, are written here anew. Widths are cut down: it takes seconds.
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

from nas.checkpoints import convert
from nas.detectors.anchors import decode, to_corners
from nas.detectors.retinanet import RetinaNet

SIZES = {
    "49": {"endpoints_num_filters": 32, "filter_size_scale": 0.25, "resample_alpha": 0.5, "block_repeats": 1},
    "96": {"endpoints_num_filters": 24, "filter_size_scale": 0.65, "resample_alpha": 1.0, "block_repeats": 2},
}
EPSILON = 1e-3
NORM: dict[str, Any] = {"type": "BN", "eps": EPSILON}
CLASSES, DEPTH, CHANNELS, ANCHOR_SIZE = 5, 4, 32, 3.0
IMAGE = (256, 384)
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


def anchors_of(maps: list[Tensor]) -> Tensor:
    """Corners [N, 4] of mmdetection 1.1's anchors: rounded, the last pixel counted in, strides 8 to 128."""
    rows = []
    for x, stride in zip(maps, (8, 16, 32, 64, 128)):
        ratios = torch.tensor([0.5, 1.0, 2.0]).sqrt()[:, None]
        scales = torch.tensor([ANCHOR_SIZE * 2 ** (octave / 3) for octave in range(3)])
        half = (torch.stack([stride / ratios * scales, stride * ratios * scales], -1).reshape(9, 2) - 1) / 2
        middle = (stride - 1) / 2
        base = torch.cat([middle - half, middle + half], 1).round()[OURS]
        down, right = (torch.arange(length) * stride for length in x.shape[2:])
        top, left = torch.meshgrid(down, right, indexing="ij")
        rows.append((torch.stack([left, top, left, top], -1)[:, :, None] + base).reshape(-1, 4))
    return torch.cat(rows)


def boxes_of(anchors: Tensor, codes: Tensor) -> Tensor:
    """Corners [..., 4] of mmdetection 1.1's boxes, clipped to the image."""
    low, sides = anchors[:, :2], anchors[:, 2:] - anchors[:, :2] + 1
    centres = low + (sides - 1) / 2 + codes[..., :2] * sides
    half = codes[..., 2:].clamp(-MAX_LOG_SIZE, MAX_LOG_SIZE).exp() * sides / 2
    corners = torch.cat([centres - half + 0.5, centres + half - 0.5], -1)
    return torch.minimum(corners.clamp(min=0), torch.tensor([IMAGE[1] - 1.0, IMAGE[0] - 1.0] * 2))


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


def compare(port: types.ModuleType, size: str) -> None:
    """One size of the port's: print the largest differences."""
    port.SCALING_MAP[size] = SIZES[size]
    network = nn.Module()
    network.backbone = port.SpineNet(size, norm_cfg=NORM)
    network.bbox_head = Head(SIZES[size]["endpoints_num_filters"])  # type: ignore[arg-type]
    for name, value in network.state_dict().items():
        if value.ndim == 4:
            value.normal_(0, value[0].numel() ** -0.5)
        elif value.ndim == 1:
            value.normal_(0, 0.2) if name.endswith(("bias", "running_mean")) else value.uniform_(0.5, 1.5)
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "epoch_1.pth"
        torch.save({"meta": {"epoch": 1}, "state_dict": network.state_dict()}, path)
        detector = convert("mmdet", path, "spinenet-49", settings={"anchor_size": ANCHOR_SIZE})
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
        "box": (ours_codes, codes[..., [1, 0, 3, 2]]),
        "anchors": (to_corners(anchors), anchors_of(maps)),
        "decoded boxes": (ours_boxes, boxes_of(anchors_of(maps), codes)),
    }
    found = [f"{name} {(a - b).abs().max():.1e} ({b.abs().max():.3g})" for name, (a, b) in pairs.items()]
    print(f"width {detector.scaling.width}, repeats {detector.scaling.repeats}: {', '.join(found)}")


def main() -> None:
    """Compare two sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    port = load_port(parser.parse_args().file)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for size in SIZES:
        compare(port, size)


if __name__ == "__main__":
    main()
