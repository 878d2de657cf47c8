"""Any data set in COCO format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.annotated_settings import AnnotatedSettings
from nas.datasets.coco_source import CocoFiles, read_coco
from nas.datasets.finding import other_layout
from nas.datasets.opening import open_files
from nas.datasets.quoting import shown_name
from nas.datasets.square import SquareData
from search_spaces.errors import DataError
from search_spaces.settings import one_of


@dataclass(frozen=True, slots=True)
class CocoSettings(AnnotatedSettings):
    """Where a COCO-format data set lies; paths are relative to ``root`` unless absolute."""

    train_images: str = "train2017"
    train_annotations: str = "annotations/instances_train2017.json"
    val_images: str = "val2017"
    val_annotations: str = "annotations/instances_val2017.json"

    def splits(self) -> tuple[str, ...]:
        """Train, and val if both its folder and its file are there."""
        self.paths("train")
        try:
            self.paths("val")
        except DataError:
            return ("train",)
        return ("train", "val")

    def files(self, split: str) -> CocoFiles:
        """The files of a split; where they are not there and another layout is, the error names it."""
        try:
            folder, file = self.paths(split)
        except DataError as error:
            raise DataError(f"{error}{other_layout(self.root)}") from None
        return CocoFiles(file, folder, *read_coco(file))

    def paths(self, split: str) -> tuple[Path, Path]:
        """(image folder, annotation file) of ``split``, ``"train"`` or ``"val"``.

        Raises:
            ConfigError: another split.
            DataError: the root, the folder or the file is not there.
        """
        one_of("split", split, ("train", "val"))
        root = Path(os.path.expanduser(self.root))
        folder = root / getattr(self, f"{split}_images")
        annotations = root / getattr(self, f"{split}_annotations")
        if not os.path.isdir(root):  # unlike Path's, says no for a name that is too long or that may not be reached
            raise DataError(
                f"data root {shown_name(root)} is not a folder; set data.root to the folder that holds the data set."
            )
        if not os.path.isdir(folder):
            raise DataError(
                f"image folder {shown_name(folder)} is not there; set data.{split}_images (relative to data.root)."
            )
        if not os.path.isfile(annotations):
            raise DataError(
                f"annotation file {shown_name(annotations)} is not there; "
                f"set data.{split}_annotations (relative to data.root)."
            )
        return folder, annotations


def open_coco(
    settings: CocoSettings, image_size: int, cache_dir: Path, split: str = "train", live: bool = False
) -> SquareData:
    """The split with images of ``image_size``, see :func:`nas.datasets.opening.open_files`."""
    return open_files(settings.files(split), image_size, cache_dir, settings.share, live)
