"""Operators that do several layers of a training step at once, on a CPU."""

from nas.detectors.fused.calls import add_maps, can_fuse, can_fuse_maps, conv_norm, fused_operators

__all__ = ["add_maps", "can_fuse", "can_fuse_maps", "conv_norm", "fused_operators"]
