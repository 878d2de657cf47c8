"""ResNet with a feature pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nas.detectors import Scaling, build_detector


def test_the_feature_pyramid_by_hand() -> None:
    detector = build_detector("r50-fpn", Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1), classes=3)
    pyramid = detector.eval().backbone.pyramid
    c3, c4, c5 = (
        torch.randn(1, pyramid.laterals[level].in_channels, s, s) for level, s in (("3", 8), ("4", 4), ("5", 2))
    )
    features = [torch.empty(0)] * 16
    features[6], features[12], features[15] = c3, c4, c5
    found = pyramid(features)
    top = pyramid.laterals["5"](c5)
    middle = pyramid.laterals["4"](c4) + F.interpolate(top, scale_factor=2)
    bottom = pyramid.laterals["3"](c3) + F.interpolate(middle, scale_factor=2)
    maps = {level: pyramid.smooths[str(level)](x) for level, x in ((3, bottom), (4, middle), (5, top))}
    maps[6] = pyramid.coarsers["6"](F.pad(maps[5], (0, 1, 0, 1)))
    maps[7] = pyramid.coarsers["7"](F.pad(maps[6].relu(), (1, 1, 1, 1)))
    for level, x in maps.items():
        torch.testing.assert_close(found[level], pyramid.norms[str(level)](x))
