"""PNG files without what their pixels do not need."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from nas.datasets.png import pixels_alone
from tests.datasets.picture_support import GREY, chunk, exif, png16

VALUES = GREY * 257
LONG = zlib.compress(b"x" * 3_000_000)
TEXTS = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + LONG),
    "iTXt": chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG),
    "tEXt": b"".join(chunk(b"tEXt", b"Comment\0" + b"x" * 900_000) for _ in range(80)),
    "iCCP": chunk(b"iCCP", b"profile\0\0" + LONG),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_long_text_and_profiles_are_left_out(kind: str, where: str) -> None:
    stream = pixels_alone(io.BytesIO(png16(VALUES, **{where: TEXTS[kind]})))
    content = stream.read()
    assert content == png16(VALUES)


def test_exif_behind_the_pixels_comes_before_them() -> None:
    tag = chunk(b"eXIf", exif(6).tobytes()[6:])
    late = png16(VALUES, after=chunk(b"tEXt", b"a\0b") + tag)
    assert pixels_alone(io.BytesIO(late)).read() == png16(VALUES, before=tag)


@pytest.mark.parametrize(
    "content",
    [png16(VALUES), png16(VALUES)[:100], b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"],
    ids=["whole", "cut", "empty", "signature", "gif", "jpeg"],
)
def test_other_files_are_as_they_were(content: bytes) -> None:
    stream = io.BytesIO(content)
    assert pixels_alone(stream) is stream
    assert stream.read() == content


def test_a_file_that_is_cut_keeps_what_it_has() -> None:
    whole = png16(VALUES, before=TEXTS["iTXt"])
    with Image.open(pixels_alone(io.BytesIO(whole[:-40]))) as image, pytest.raises(OSError, match="truncated"):
        image.load()
    with Image.open(pixels_alone(io.BytesIO(whole))) as image:
        np.testing.assert_array_equal(np.asarray(image), VALUES)
