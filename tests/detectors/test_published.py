"""The rows of the published tables."""

from __future__ import annotations

import search_spaces
from nas.detectors import PUBLISHED
from search_spaces.architecture import Architecture


def test_every_published_name_has_its_architecture() -> None:
    for published in PUBLISHED.values():
        for head in ("retinanet", "mask_rcnn", "classifier"):
            assert isinstance(search_spaces.load(published.for_head(head)[0]), Architecture)


def test_a_head_may_change_the_graph_the_scaling_and_the_size() -> None:
    r50, s49, s190 = (PUBLISHED[name] for name in ("r50-fpn", "spinenet-49s", "spinenet-190"))
    assert [r50.for_head(head)[0] for head in ("retinanet", "mask_rcnn")] == ["r50-fpn", "r50-fpn-2-6"]
    assert [s49.for_head(head)[1].fc_channels for head in ("retinanet", "mask_rcnn")] == [1024, 512]
    assert [s190.size_for(head) for head in ("retinanet", "mask_rcnn", "classifier")] == [1280, 1536, 224]
    assert PUBLISHED["spinenet-mobile-49"].size_for("classifier") == 384
