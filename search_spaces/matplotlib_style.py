"""Matplotlib as the pictures need it, whatever its settings say: no backend but Agg, the default style, silence.

A notebook hands its backend to every command that is started from it, where that backend may not exist.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from search_spaces.errors import FileError


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in matplotlib's default style, for the time of the block or of the function that this decorates.

    What matplotlib says of folders that it may not write to, or of letters that its font lacks, is kept back.

    Raises:
        FileError: matplotlib's settings file cannot be read as text.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _load()
            from matplotlib import style

            with style.context("default"):
                yield
    finally:
        logger.setLevel(level)


def _load() -> None:
    """Import matplotlib; the backend of the environment stays its backend, but only if it is one."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib

        if backend is not None:
            with suppress(ValueError):
                matplotlib.rcParams["backend"] = backend
    except UnicodeDecodeError as error:
        raise FileError(
            f"matplotlib's settings cannot be read ({error.reason}); mend or remove the file matplotlibrc, here or in "
            "its folder of settings."
        ) from None
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
