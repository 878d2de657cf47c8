"""What a reader of annotations gives, whatever their format: a COCO dictionary, which one place checks and decodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.datasets.coco_entries import Fault
from nas.datasets.coco_files import Header


@dataclass(frozen=True, slots=True)
class Reading:
    """The annotations of one split.

    Attributes:
        raw: the lists ``images``, ``annotations`` and ``categories`` of COCO's format, not yet checked. A row may say
            by the key :data:`nas.datasets.coco_entries.PLACE` what it is called in the files it was read from.
        content: stands for the annotations in the data set's identity: equal content is the same set.
        faults: what could not be read. Each is about a row of ``raw``, which is made for it and looked at no more.
        headers: of the pictures by image id, where the reader has read them.
        remarks: sentences, without their full stop, about what was made of the files.
    """

    raw: Mapping[str, Any]
    content: bytes
    faults: tuple[Fault, ...] = ()
    headers: Mapping[int, Header] | None = None
    remarks: tuple[str, ...] = ()


class AnnotatedFiles(ABC):
    """The files of one split of a data set.

    Attributes:
        source: what the split is called in a sentence: its annotation file or folder.
        folder: where the names of its pictures begin.
    """

    source: Path
    folder: Path

    @abstractmethod
    def key(self, image_size: int) -> str:
        """16 hexadecimal digits, others whenever a file may have changed; the key of the cache.

        Raises:
            DataError: a file cannot be read.
        """

    @abstractmethod
    def read(self) -> Reading:
        """The annotations.

        Raises:
            DataError: a file cannot be read, or nothing in it makes sense.
        """
