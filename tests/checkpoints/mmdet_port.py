"""Networks written for the tests as the mmdetection ports are, with their names."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import search_spaces
from search_spaces.block import BlockSpec

SPINENET_49 = search_spaces.load("spinenet-49")
WIDTHS = {2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}
WIDTH, ALPHA, ENDPOINTS, CHANNELS, DEPTH, CLASSES = 0.25, 0.5, 12, 10, 2, 3
EPSILON = 1e-3
FC_CHANNELS, MASK_DEPTH = 9, 1
MASK_CLASSES = 4


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
    """RetinaNet."""

    def __init__(self, repeats: int = 1) -> None:
        super().__init__()
        self.backbone, self.bbox_head = Backbone(repeats), Head()
        draw_weights(self)
        self.eval()

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        maps = self.backbone(images)
        return maps, self.bbox_head(maps)


class MaskPort(nn.Module):
    """Mask R-CNN: rpn_head, bbox_head and mask_head, each with its layers."""

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
        self.bbox_head.fc_cls = nn.Linear(FC_CHANNELS, MASK_CLASSES)
        self.bbox_head.fc_reg = nn.Linear(FC_CHANNELS, 4 * MASK_CLASSES)
        self.mask_head.convs = self.tower(MASK_DEPTH)
        self.mask_head.upsample = nn.ConvTranspose2d(CHANNELS, CHANNELS, 2, 2)
        self.mask_head.conv_logits = nn.Conv2d(CHANNELS, MASK_CLASSES, 1)
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


def arrays_of(port: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in port.state_dict().items() if not key.endswith("num_batches_tracked")}
