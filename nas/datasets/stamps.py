"""A stamp of many files: another one whenever a file may have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from nas.datasets.cache import CACHE_VERSION, FINGERPRINT_VERSION
from nas.datasets.coco_files import file_status


def stamp(folder: Path, what: str, paths: Iterable[str]) -> str:
    """16 hexadecimal digits of ``what``, and of names, sizes and times of change of files below a folder."""
    digest = hashlib.sha256(f"{what} {FINGERPRINT_VERSION} cache {CACHE_VERSION}\n".encode(errors="surrogatepass"))
    for path in paths:
        status = file_status(os.path.join(folder, path))
        about = "missing" if status is None else f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{path} {about}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]
