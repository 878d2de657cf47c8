"""The rows of the published tables."""

from __future__ import annotations

import search_spaces
from nas.detectors import PUBLISHED
from search_spaces.architecture import Architecture


def test_every_published_name_has_its_architecture() -> None:
    for published in PUBLISHED.values():
        for head in ("retinanet", "mask_rcnn", "classifier"):
            assert isinstance(search_spaces.load(published.for_head(head)[0]), Architecture)
