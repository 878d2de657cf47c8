"""A COCO-format annotation file and its pictures as the files of a split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.datasets.annotated import AnnotatedFiles, Reading
from nas.datasets.cache import CACHE_VERSION, FINGERPRINT_VERSION
from nas.datasets.coco_files import file_status
from nas.datasets.coco_json import parse_json
from nas.datasets.quoting import shown_name
from search_spaces.errors import DataError


class CocoFiles(AnnotatedFiles):
    """An annotation file that was read, and whose pictures lie in one folder."""

    def __init__(
        self, file: Path, folder: Path, content: bytes, raw: Mapping[str, Any], remarks: tuple[str, ...] = ()
    ) -> None:
        """``content`` and ``raw`` are the file as bytes and its lists; ``remarks`` as in :class:`Reading`."""
        self.source, self.folder = file, folder
        self._content, self._raw, self._remarks = content, raw, remarks

    def key(self, image_size: int) -> str:
        """See :class:`AnnotatedFiles`; the file's content is a part of it."""
        return fingerprints(self._content, self.folder, self._raw, image_size)[1]

    def read(self) -> Reading:
        """See :class:`AnnotatedFiles`."""
        return Reading(self._raw, self._content, remarks=self._remarks)


def read_coco(file: Path) -> tuple[bytes, dict[str, Any]]:
    """An annotation file as bytes, and its lists.

    Raises:
        DataError: it cannot be read, or is no annotation file.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"annotation file {shown_name(file)} cannot be read: {error.strerror}.") from None
    return content, parse_json(file, content)


def fingerprints(content: bytes, folder: Path, raw: Mapping[str, Any], image_size: int) -> tuple[str, str]:
    """The data set's identity and the key of its cache, 16 hexadecimal digits each.

    The identity stands for the annotation file, the image files (name, size) and the image size, so a copy is the same
    set. The key has the image files' times of change and the layout of the cache as well: a file that may have changed
    is read again.
    """
    identity = hashlib.sha256(f"coco {FINGERPRINT_VERSION} {image_size} ".encode())
    identity.update(content)
    key = identity.copy()
    key.update(f"cache {CACHE_VERSION}\n".encode())
    for row in raw["images"]:
        name = row.get("file_name") if isinstance(row, dict) else None
        status = file_status(folder / str(name))
        if status is None:
            stored = changed = f"{name} missing\n"
        else:
            stored, changed = f"{name} {status.st_size} \n", f"{name} {status.st_size} {status.st_mtime_ns}\n"
        identity.update(stored.encode(errors="surrogatepass"))
        key.update(changed.encode(errors="surrogatepass"))
    return identity.hexdigest()[:16], key.hexdigest()[:16]
