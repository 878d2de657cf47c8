"""A folder of annotated pictures in a format that is found: COCO JSON, YOLO or Pascal VOC."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.annotated import AnnotatedFiles
from nas.datasets.annotated_settings import AnnotatedSettings
from nas.datasets.finding import FINDERS, find_layout
from nas.datasets.opening import open_files
from nas.datasets.quoting import shown_name
from nas.datasets.square import SquareData
from search_spaces.settings import one_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderSettings(AnnotatedSettings):
    """Where the data set lies.

    Attributes:
        format: one of ``FINDERS``; None to find it.
    """

    format: str | None = None

    def __post_init__(self) -> None:
        AnnotatedSettings.__post_init__(self)
        one_of("format", self.format, (None, *FINDERS))

    def splits(self) -> tuple[str, ...]:
        """Those that were found."""
        return tuple(find_layout(self.root, self.format).parts)

    def files(self, split: str) -> AnnotatedFiles:
        """The files of a split."""
        return find_layout(self.root, self.format).files(split)


def open_folder(
    settings: FolderSettings, image_size: int, cache_dir: Path, split: str = "train", live: bool = False
) -> SquareData:
    """The split with images of ``image_size``; what was found is said. See :func:`nas.datasets.opening.open_files`."""
    layout = find_layout(settings.root, settings.format)
    log.info("data set %s is %s.", shown_name(layout.root), layout.sentence())
    return open_files(layout.files(split), image_size, cache_dir, settings.share, live)
