"""One decoder for pictures of any depth, mode and orientation; what cannot be decoded is said with file and mode."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.datasets import picture_size
from nas.datasets.pixels import opened
from tests.datasets.picture_support import GREY, chunk, exif, png16, read, tiff

COLOURS = np.stack([GREY, GREY[::-1], 200 - GREY], axis=2)
ALPHA = np.full((*GREY.shape, 1), 255)


def with_alpha(values: Any) -> Any:
    return np.concatenate([values, np.full((*GREY.shape, 1), values.max())], axis=2)


DEEP = {
    "grey.png": png16(GREY * 257),
    "grey of 12 bits.png": png16(GREY * 16),
    "grey.tif": tiff((GREY * 257).astype("<u2")),
    "grey, other order.tif": tiff((GREY * 257).astype(">u2")),
    "grey of 12 bits.tif": tiff((GREY * 16).astype("<u2")),
    "dark grey of declared 12 bits.tif": tiff((GREY * 16).astype("<u2"), declared_bits=12),
    "white is zero.tif": tiff((65535 - GREY * 257).astype("<u2"), photometric=0),
    "with sign.tif": tiff((GREY * 64).astype("<i2")),
    "32 bits.tif": tiff((GREY * 257).astype("<u4")),
    "float to 1.tif": tiff((GREY / 255).astype("<f4")),
    "float to 255, other order.tif": tiff(GREY.astype(">f4")),
    "grey.pgm": b"P5 30 20 4095\n" + (GREY * 16).astype(">u2").tobytes(),
    "float.pfm": b"Pf\n30 20\n-1.0\n" + (GREY[::-1] / 255).astype("<f4").tobytes(),
    "grey and alpha.png": png16(with_alpha(GREY[:, :, None] * 257)),
    "grey and alpha of 12 bits.png": png16(with_alpha(GREY[:, :, None] * 16)),
}
COLOUR = {
    "colour.png": png16(COLOURS * 257),
    "colour of 12 bits.png": png16(COLOURS * 16),
    "colour and alpha of 12 bits.png": png16(with_alpha(COLOURS * 16)),
    "colour.tif": tiff((COLOURS * 257).astype("<u2"), photometric=2),
    "colour of 12 bits.tif": tiff((COLOURS * 16).astype("<u2"), photometric=2),
    "colour of 12 bits, other order.tif": tiff((COLOURS * 16).astype(">u2"), photometric=2),
}


@pytest.mark.parametrize("name", [*DEEP, *COLOUR])
def test_more_than_8_bits(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((DEEP | COLOUR)[name])
    expected = np.repeat(GREY[:, :, None], 3, axis=2) if name in DEEP else COLOURS
    np.testing.assert_array_equal(read(path), expected)
    with opened(path) as picture:
        assert picture.deep_mode or "alpha" in name


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    Image.fromarray((GREY * 257).astype(np.uint16)).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[:, :, 0], GREY)


@pytest.mark.parametrize("values", [GREY - 100, GREY * 2**22], ids=["negative", "large"])
def test_values_without_a_depth_fill_the_range(tmp_path: Path, values: Any) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(values.astype("<i4")))
    result = read(tmp_path / "a.tif")
    assert (result.min(), result.max()) == (0, 255)


def test_unsigned_values_of_32_bits_are_not_negative(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff((GREY * 2**24).astype("<u4")))
    result = read(tmp_path / "a.tif")[:, :, 0]
    assert result[np.unravel_index(GREY.argmax(), GREY.shape)] == 255
    assert result[np.unravel_index(GREY.argmin(), GREY.shape)] == 0


MODES = {
    **{"1.png": "1", "l.png": "L", "la.png": "LA", "p.png": "P", "rgb.bmp": "RGB", "rgba.png": "RGBA", "p.gif": "P"},
    **{
        "cmyk.jpg": "CMYK",
        "cmyk.tif": "CMYK",
        "ycbcr.tif": "YCbCr",
        "lab.tif": "LAB",
        "l.jpg": "L",
        "rgba.webp": "RGBA",
    },
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_of_8_bits_is_as_pillow_converts_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(COLOURS.astype(np.uint8)).convert(MODES[name]).save(path)
    with Image.open(path) as image:
        expected = image.convert("RGB")
    np.testing.assert_array_equal(read(path), np.asarray(expected))
    np.testing.assert_array_equal(
        read(path, size=(7, 9)), np.asarray(expected.resize((9, 7), Image.Resampling.BILINEAR))
    )
    with opened(path) as picture:
        assert not picture.deep_mode


def test_transparency_is_left_out_without_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS.astype(np.uint8)).convert("P")
    image.save(tmp_path / "a.png", transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = read(tmp_path / "a.png")
    np.testing.assert_array_equal(result, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("suffix", ["gif", "tif", "png", "webp"])
def test_the_first_of_several_frames_counts(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("#ff0000", "#00ff00")]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    assert read(tmp_path / f"a.{suffix}")[4, 4].tolist() == [255, 0, 0]


TURNED: dict[int, Callable[[Any], Any]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored[::-1].transpose(1, 0, 2),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: stored[:, ::-1].transpose(1, 0, 2),
}
"""EXIF orientation -> the picture as shown: where its row 0 and column 0 lie, as the standard's table says."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_every_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a.{suffix}"
    stored = Image.fromarray(COLOURS.astype(np.uint8))
    stored.save(path, exif=exif(orientation), **({"lossless": True} if suffix == "webp" else {}))
    with Image.open(path) as image:
        shown = TURNED[orientation](np.asarray(image.convert("RGB")) if suffix == "jpg" else COLOURS).astype(np.uint8)
    with opened(path) as picture:
        assert picture.orientation == orientation
        assert (picture.size, picture.stored_size) == (shown.shape[:2], (20, 30))
    np.testing.assert_array_equal(read(path), shown)
    unturned = read(path, upright=False)
    assert unturned.shape == (20, 30, 3)
    if suffix != "jpg":
        np.testing.assert_array_equal(unturned, COLOURS)
    half = (shown.shape[0] // 2, shown.shape[1] // 2)
    expected = Image.fromarray(shown).resize((half[1], half[0]), Image.Resampling.BILINEAR)
    assert np.abs(read(path, size=half).astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_exif_does_not_know_is_none(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(COLOURS.astype(np.uint8)).save(tmp_path / "a.png", exif=exif(orientation))
    with opened(tmp_path / "a.png") as picture:
        assert picture.orientation == 1


def test_damaged_exif_is_none(tmp_path: Path) -> None:
    for number, damaged in enumerate(
        (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    ):
        Image.fromarray(COLOURS.astype(np.uint8)).save(tmp_path / f"{number}.jpg", exif=damaged)
        with opened(tmp_path / f"{number}.jpg") as picture:
            assert (picture.orientation, picture.size) == (1, (20, 30))


def test_deep_pictures_are_turned_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png16(GREY * 257, after=chunk(b"eXIf", exif(6).tobytes()[6:])))
    np.testing.assert_array_equal(read(tmp_path / "a.png")[:, :, 0], np.rot90(GREY, -1))


def test_a_draft_is_decoded_at_an_eighth_and_is_what_pillow_gives(tmp_path: Path) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    Image.fromarray(photograph).resize((600, 400)).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        image.draft("RGB", (60, 40))
        assert image.size == (75, 50)
        expected = image.convert("RGB").resize((60, 40), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg", size=(40, 60), draft=True), np.asarray(expected))


@pytest.mark.parametrize("upright", [True, False])
def test_a_draft_is_turned_too(tmp_path: Path, upright: bool) -> None:
    ramp = Image.fromarray(np.linspace(0, 255, 400 * 600).reshape(400, 600).astype(np.uint8))
    ramp.save(tmp_path / "a.jpg", exif=exif(8))
    expected = np.asarray(ramp.resize((60, 40), Image.Resampling.BILINEAR))
    result = read(tmp_path / "a.jpg", size=(60, 40) if upright else (40, 60), upright=upright, draft=True)[:, :, 0]
    assert np.abs(result.astype(int) - (np.rot90(expected) if upright else expected)).max() <= 2


def test_pictures_beyond_pillows_limit_are_read_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (300, 200), 77).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path / "a.png", size=(2, 3)).tolist() == [[[77] * 3] * 3] * 2


def test_a_picture_that_claims_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_size, "free_memory", lambda: 10**9)
    (tmp_path / "a.png").write_bytes(png16(GREY, size=(300_000, 200_000)))
    with pytest.raises(ValueError, match=r"^a\.png is 300000 x 200000 pixels, which take .* GB of memory"):
        read(tmp_path / "a.png")


def test_long_text_breaks_nothing(tmp_path: Path) -> None:
    text = b"".join(chunk(b"tEXt", b"Comment\0" + b"x" * 900_000) for _ in range(80))
    (tmp_path / "a.png").write_bytes(png16(GREY * 257, before=text))
    np.testing.assert_array_equal(read(tmp_path / "a.png")[:, :, 0], GREY)


BROKEN = {
    "empty.jpg": (b"", "it is no picture, or its beginning is damaged"),
    "text.png": (b"no picture", "it is no picture, or its beginning is damaged"),
    "cut.png": (png16(COLOURS * 257)[:200], r"mode RGB: .*truncated"),
    "cut grey.tif": (tiff((GREY * 257).astype("<u2"))[:-300], r"mode I;16: "),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_decoded_is_said(tmp_path: Path, name: str) -> None:
    content, reason = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{name} cannot be decoded \({reason}"):
        read(tmp_path / name)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^gone\.png cannot be decoded \(No such file or directory\)"):
        read(tmp_path / "gone.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_is_an_error_in_words(tmp_path: Path) -> None:
    """Bytes changed at random give a picture or a sentence, and nothing else."""
    rng = np.random.default_rng(0)
    sentences: list[str] = []
    for suffix in ("png", "jpg", "gif", "tif", "bmp", "webp"):
        Image.fromarray(COLOURS.astype(np.uint8)).save(tmp_path / f"whole.{suffix}", exif=exif(6))
        whole = np.frombuffer((tmp_path / f"whole.{suffix}").read_bytes(), dtype=np.uint8)
        for _ in range(25):
            damaged = whole.copy()
            damaged[rng.integers(0, min(len(whole), 400), 4)] = rng.integers(0, 256, 4)
            (tmp_path / "damaged").write_bytes(damaged.tobytes())
            sentences.extend(_sentence(tmp_path / "damaged"))
    assert sentences
    assert all(sentence.startswith("damaged ") for sentence in sentences)


def _sentence(path: Path) -> list[str]:
    """What is said of a file that cannot be read; nothing for one that can."""
    try:
        read(path, size=(20, 30))
    except ValueError as error:
        return [str(error)]
    return []
