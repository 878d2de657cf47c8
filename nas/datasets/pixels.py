"""The one place that decodes picture files: any depth, any EXIF orientation, any size that fits into memory.

Every picture becomes RGB of 8 bits a channel. Transparency is left out, of several frames or pages the first is taken,
more than 8 bits are brought to 8 as :mod:`nas.datasets.depth` says.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from nas.datasets.depth import to_bytes
from nas.datasets.masks import Size
from nas.datasets.picture_size import Refused, room_for, without_pillows_limit
from nas.datasets.png import pixels_alone
from nas.datasets.quoting import shown_name

UPRIGHT = 1
"""The EXIF orientation of a picture that is shown as it is stored."""

_Turn = Image.Transpose
_TURNS = {
    **{2: _Turn.FLIP_LEFT_RIGHT, 3: _Turn.ROTATE_180, 4: _Turn.FLIP_TOP_BOTTOM, 5: _Turn.TRANSPOSE},
    **{6: _Turn.ROTATE_270, 7: _Turn.TRANSVERSE, 8: _Turn.ROTATE_90},
}
"""EXIF orientation -> what shows the picture upright (EXIF 2.32, tag 0x0112)."""
_TURNS_BACK = _TURNS | {6: _TURNS[8], 8: _TURNS[6]}
_SIDEWAYS = frozenset((5, 6, 7, 8))
_ORIENTATION = 0x0112
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _MAX_SAMPLE, _SAMPLE_FORMAT = 256, 257, 258, 262, 281, 339  # TIFF's tags

_GREY_ALPHA = "LA;16B"
_REVERSED = {_GREY_ALPHA: "RGBA"} | {
    f"{channels};{one}": f"{channels};{other}"
    for channels in ("RGB", "RGBX", "RGBA")
    for one, other in (("16B", "16L"), ("16L", "16B"), ("16N", "16B" if sys.byteorder == "little" else "16L"))
}
"""How a file stores colours of 16 bits, in Pillow's words -> the same with the two bytes the other way round."""
_NEARLY_EMPTY = 64  # an upper byte below this leaves two bits unused at least
_SCALED = ("PPM", "JPEG2000")  # Pillow brings their grey values to all of 16 bits itself

warnings.filterwarnings("ignore", module=r"PIL\.")  # damage that matters is an error; the rest names lines of Pillow


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file whose header was read, and whose pixels were not.

    Attributes:
        stream, image: the file and Pillow's view of it.
        orientation: 1..8, as its EXIF tag says; 1 without a tag, or with one that means nothing.
    """

    stream: BinaryIO
    image: Image.Image
    orientation: int

    @property
    def size(self) -> Size:
        """(height, width) in pixels as shown, which is upright."""
        return _turned(self.stored_size, self.orientation)

    @property
    def stored_size(self) -> Size:
        """(height, width) in pixels as stored."""
        if self._turns_itself:  # whether Pillow tells the size as stored or as shown depends on its version
            tags: Any = getattr(self.image, "tag_v2")  # noqa: B009 (only TIFF pictures have it)
            return tags[_HEIGHT], tags[_WIDTH]
        return self.image.height, self.image.width

    @property
    def deep_mode(self) -> str:
        """Pillow's mode of a picture of more than 8 bits a channel, ``I;16`` or ``RGB;16B``; empty for 8 bits."""
        if self.image.mode.startswith("I") or self.image.mode == "F":
            return self.image.mode
        raw_mode = _raw_mode(self.image)
        return raw_mode if raw_mode.endswith(("16B", "16L", "16N")) else ""

    def read(self, size: Size | None = None, upright: bool = True, draft: bool = False) -> NDArray[np.uint8]:
        """The pixels, RGB [H, W, 3]; can be called once.

        Args:
            size: (H, W) to be resized to, as returned; None: as large as it is.
            upright: whether it is turned as its EXIF orientation says; otherwise it is as stored.
            draft: a JPEG may be decoded at the next larger eighth of its size, which is faster.

        Raises:
            Refused: it does not fit into memory.
            Exception: whatever Pillow raises for a damaged file; :func:`opened` makes a ValueError of either.
        """
        turn = self._turn(upright)
        if size is None:
            size = self.size if upright else self.stored_size
        target = _turned(size, self.orientation) if turn is not None else size
        width_height = (target[1], target[0])
        if draft:
            self.image.draft("RGB", width_height)
        with room_for(self.image):
            flat = _eight_bits(self)
            if flat.size != width_height:
                flat = flat.resize(width_height, Image.Resampling.BILINEAR)
            if turn is not None:
                flat = flat.transpose(turn)
            return np.asarray(flat.convert("RGB"))

    @property
    def _turns_itself(self) -> bool:
        """Whether Pillow turns the picture when it is loaded."""
        return self.image.format == "TIFF"

    def _turn(self, upright: bool) -> Image.Transpose | None:
        """What is still to be done to the picture that Pillow loads."""
        if self._turns_itself:
            return None if upright else _TURNS_BACK.get(self.orientation)
        return _TURNS.get(self.orientation) if upright else None


@contextmanager
def opened(path: str | Path) -> Iterator[Picture]:
    """A picture file with its header read; what goes wrong with it in the block is said in words.

    Raises:
        ValueError: the file is missing, is no picture, or is damaged; the sentence part begins with the file's name.
    """
    path = Path(path)
    name, mode = shown_name(path.name), ""
    try:
        with path.open("rb") as file, without_pillows_limit():
            stream = pixels_alone(file)
            with Image.open(stream) as image:
                mode = f"mode {image.mode}: "
                yield Picture(stream, image, _orientation(image))
    except Refused as error:
        raise ValueError(f"{name} {error}") from None
    except UnidentifiedImageError:
        raise ValueError(f"{name} cannot be decoded (it is no picture, or its beginning is damaged)") from None
    except MemoryError:
        raise ValueError(f"{name} cannot be decoded ({mode}there is not enough memory)") from None
    except Exception as error:  # Pillow raises errors of a dozen kinds for damaged files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ValueError(f"{name} cannot be decoded ({mode}{' '.join(reason.split())})") from None


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; a tag that cannot be read, or says nothing that EXIF knows, counts as none."""
    try:  # a PNG's own getexif() would decode it, to look behind its pixels
        value = Image.Image.getexif(image).get(_ORIENTATION, UPRIGHT)
    except Exception:  # Pillow raises errors of a dozen kinds for damaged tags
        return UPRIGHT
    return value if value in _TURNS else UPRIGHT


def _turned(size: Size, orientation: int) -> Size:
    return (size[1], size[0]) if orientation in _SIDEWAYS else size


def _eight_bits(picture: Picture) -> Image.Image:
    """The picture in mode L or RGB, decoded and not yet resized."""
    image, tags = picture.image, getattr(picture.image, "tag_v2", {})
    raw_mode = _raw_mode(image)
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        return _from_values(image, tags)
    if raw_mode in _REVERSED and (deep := _from_both_bytes(picture, raw_mode)):
        return deep
    image.info.pop("transparency", None)  # is left out, and converting it would warn
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode == "RGBa":
        image = image.convert("RGBA")
    return image.convert("RGB")


def _from_values(image: Image.Image, tags: Any) -> Image.Image:
    """A grey picture of 16 or 32 bits or floats in mode L."""
    values = np.asarray(image)
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1 and (values < 0).any():
        values = values.view(np.uint32)  # Pillow takes what has no sign as if it had
    grey = to_bytes(values, _declared(image, tags))
    return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC) == 0 else grey)  # 0: white is zero


def _declared(image: Image.Image, tags: Any) -> float | None:
    """What all values lie below, as the file says; None where it says no more than how they are stored."""
    if image.mode == "F":
        return None
    if image.format in _SCALED:
        return 2.0**16
    bits, greatest = tags.get(_BITS, (16,))[0], tags.get(_MAX_SAMPLE, (0,))
    greatest = greatest[0] if isinstance(greatest, tuple) else greatest
    if 0 < greatest < 2**16 - 1:
        return float(greatest + 1)
    return 2.0**bits if 8 < bits < 16 else None


def _raw_mode(image: Image.Image) -> str:
    """How the file stores a pixel, in Pillow's words, such as ``RGB;16B``."""
    arguments = image.tile[0][3] if isinstance(image, ImageFile) and image.tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _from_both_bytes(picture: Picture, raw_mode: str) -> Image.Image | None:
    """A colour picture of 16 bits a channel of which the highest are empty; None for any other.

    Pillow keeps the upper byte of every channel alone. Where that is nearly empty, as for 12 bits within 16, the file
    is read once more with the two bytes the other way round, which gives the lower ones.
    """
    high = np.asarray(picture.image)[:, :, :3].astype(np.uint16)
    if high.max(initial=0) >= _NEARLY_EMPTY:
        return None
    picture.stream.seek(0)
    with Image.open(picture.stream) as again:
        assert isinstance(again, ImageFile), "it is read from a file"
        again.tile = [_replace_raw_mode(tile, _REVERSED[raw_mode]) for tile in again.tile]
        low = np.asarray(again)[:, :, 1:2] if raw_mode == _GREY_ALPHA else np.asarray(again)[:, :, :3]
    return Image.fromarray(to_bytes(high << 8 | low))


def _replace_raw_mode(tile: Any, raw_mode: str) -> Any:
    arguments = (raw_mode, *tile[3][1:]) if isinstance(tile[3], tuple) else raw_mode
    return type(tile)(*tile[:3], arguments) if hasattr(tile, "_fields") else (*tile[:3], arguments)
