"""What a folder of annotated pictures turned out to be: its format and its splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.annotated import AnnotatedFiles
from nas.datasets.quoting import shown_name
from search_spaces.errors import DataError

TRAIN, VAL, TEST = "train", "val", "test"
_WORDS = {
    **dict.fromkeys(("train", "training", "trainval"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One split: where its annotations are, as a path below the root, and what opens them."""

    where: str
    open: Callable[[], AnnotatedFiles]


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set that was found.

    Attributes:
        format: ``"coco"``, ``"yolo"`` or ``"voc"``.
        title: what the format is called in a sentence.
        root: its folder.
        parts: split -> what it is made of; ``train``, ``val``, ``test``.
    """

    format: str
    title: str
    root: Path
    parts: Mapping[str, Part]

    def sentence(self) -> str:
        """What was found, without a full stop: ``COCO JSON: train from a.json, val from b.json``."""
        splits = ", ".join(f"{split} from {shown_name(part.where)}" for split, part in self.parts.items())
        return f"{self.title}: {splits}"

    def files(self, split: str) -> AnnotatedFiles:
        """The files of a split.

        Raises:
            DataError: the data set has no such split.
        """
        if split not in self.parts:
            raise DataError(
                f"data set {shown_name(self.root)} has no {split} split; it is {self.sentence()}. "
                f"python -m nas.data split makes train and val of it."
            )
        return self.parts[split].open()


def split_of(name: str) -> str | None:
    """The split that a file's or folder's name speaks of: ``instances_train2017`` is train; None for none."""
    found = {_WORDS[word] for word in re.findall(r"[a-z]+", name.lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def ordered(parts: Mapping[str, Part]) -> dict[str, Part]:
    """The splits in the order in which they are spoken of."""
    return {split: parts[split] for split in (TRAIN, VAL, TEST) if split in parts}
