"""How large a picture may be: the memory decides, and Pillow's own limit holds outside again."""

import threading

import pytest
from PIL import Image

from nas.datasets import picture_size
from nas.datasets.picture_size import Refused, free_memory, room_for, without_pillows_limit


def test_pillows_limit_is_lifted_in_the_block_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with without_pillows_limit():
        assert Image.MAX_IMAGE_PIXELS is None
        with without_pillows_limit():
            pass
        assert Image.MAX_IMAGE_PIXELS is None, "the outer block goes on"
    assert before is not None
    assert before == Image.MAX_IMAGE_PIXELS
    with pytest.raises(KeyError), without_pillows_limit():
        raise KeyError
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_picture_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_size, "LARGE", 100)
    monkeypatch.setattr(picture_size, "free_memory", lambda: 1000)
    sentence = r"is 50 x 20 pixels, which take 0\.0 GB of memory to decode; 0\.0 GB are free"
    with pytest.raises(Refused, match=sentence), room_for(Image.new("RGB", (50, 20))):
        pass
    with room_for(Image.new("1", (20, 20))):
        pass
    monkeypatch.setattr(picture_size, "free_memory", lambda: None)
    with room_for(Image.new("RGB", (50, 20))):
        pass


def test_large_pictures_wait_for_each_other_and_small_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_size, "LARGE", 100)
    done: list[str] = []

    def decode(name: str, side: int) -> None:
        with room_for(Image.new("L", (side, side))):
            done.append(name)

    with room_for(Image.new("L", (20, 20))):
        waiting = threading.Thread(target=decode, args=("large", 20))
        waiting.start()
        decode("small", 5)
        waiting.join(0.05)
        assert done == ["small"]
    waiting.join(5)
    assert done == ["small", "large"]


def test_the_free_memory_is_told_in_bytes_or_not_at_all() -> None:
    free = free_memory()
    assert free is None or free > 2**20
