"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_spaces.errors import RecordError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; on leaving, it takes ``path``'s place in one step.

    When the block raises, ``path`` stays as it was.

    Raises:
        RecordError: the file cannot be written (a full disk, no permission).
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(f"{path} cannot be written: {reason}; what was there before is unchanged.") from error
    finally:
        temporary.unlink(missing_ok=True)
