"""A folder of annotated pictures in a format that is found: COCO JSON, YOLO or Pascal VOC."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.dropping import REFUSE, allowed_share, check_policy
from nas.datasets.finding import FINDERS, find_layout
from nas.datasets.opening import open_files
from nas.datasets.quoting import shown_name
from nas.datasets.square import SquareData
from search_spaces.settings import one_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Where the data set lies.

    Attributes:
        root: its folder.
        format: one of ``FINDERS``; None to find it.
        faults, max_dropped: as in :class:`nas.datasets.coco.CocoSettings`.
    """

    root: str
    format: str | None = None
    faults: str = REFUSE
    max_dropped: float = 0.05

    def __post_init__(self) -> None:
        one_of("format", self.format, (None, *FINDERS))
        check_policy(self.faults, self.max_dropped)


def open_folder(settings: FolderSettings, image_size: int, cache_dir: Path, split: str = "train") -> SquareData:
    """The split with images of ``image_size``; what was found is said. See :func:`nas.datasets.opening.open_files`."""
    layout = find_layout(settings.root, settings.format)
    log.info("data set %s is %s.", shown_name(layout.root), layout.sentence())
    share = allowed_share(settings.faults, settings.max_dropped)
    return open_files(layout.files(split), image_size, cache_dir, share)
