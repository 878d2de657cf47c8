"""Parts of batches: all pictures, shared out evenly, read ahead in order; broken pictures are left out and counted."""

import itertools

import pytest
import torch

from nas.datasets.augment import AugmentSettings
from nas.datasets.coco import open_coco
from nas.training.parts import Shares, Source
from nas.training.ranks import Ranks
from search_spaces.errors import DataError
from tests.datasets.coco_support import content, write
from tests.datasets.square_support import blank_data

CPU = torch.device("cpu")


def test_parts_and_ranks_make_up_the_batch():
    whole = Shares(12, 12).of_step(3, 5, 7)
    assert [len(part) for part in whole] == [12]
    for count, part in ((1, 5), (2, 4), (3, 1), (4, 12)):
        shares = [Shares(12, part, Ranks(rank, count)) for rank in range(count)]
        assert {len(one.of_step(3, 5, 7)) for one in shares} == {shares[0].parts}
        picks = [pick for one in shares for own in one.of_step(3, 5, 7) for pick in own]
        assert tuple(picks) == whole[0]
        assert max(len(own) for one in shares for own in one.of_step(3, 5, 7)) <= part


@pytest.fixture
def live(tmp_path):
    return open_coco(write(tmp_path / "set", content()), 32, tmp_path / "cache", live=True)


def source(data, threads=0, **options):
    augment = AugmentSettings(0.5, 0.8, 1.2)
    return Source(data, range(len(data)), Shares(4, 2), augment, 1, threads=threads, **options)


def some(source, first, count):
    with_closing = source.parts(first, CPU)
    found = list(itertools.islice(with_closing, count))
    with_closing.close()
    return found


def test_threads_read_the_same_in_the_same_order(live):
    plain, ahead = (some(source(live, threads), 0, 6) for threads in (0, 2))
    later = some(source(live, 2), 2, 2)
    for one, other in zip(plain, ahead):
        assert one[0].equal(other[0])
        assert all(a["boxes"].equal(b["boxes"]) for a, b in zip(one[1], other[1]))
    assert plain[4][0].equal(later[0][0])


def test_a_broken_picture_is_named_left_out_and_counted(live, tmp_path, caplog):
    path = tmp_path / "set" / "train2017" / "2.png"
    path.write_bytes(path.read_bytes()[:60])
    reader = source(live, threads=2)
    found = some(reader, 0, 8)
    assert [len(images) for images, _ in found] == [2] * 8
    assert reader.broken == {2}
    assert 2 not in reader.images_of(0)
    assert caplog.text.count("It is left out, and the next picture is read in its place.") == 1
    assert "2.png" in caplog.text


def test_too_many_broken_pictures_end_it(live, tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / "set" / "train2017" / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 of 4 pictures to train on could not be read, the last: .*\.png"):
        some(source(live), 0, 8)


def test_pictures_without_a_box_and_with_thousands_are_fine():
    for count, kept in ((0, 0), (2000, 100)):
        found = some(source(blank_data(3, count), most_objects=100), 0, 2)
        assert [len(target["labels"]) for _, targets in found for target in targets] == [kept] * 4


def test_masks_are_checked_first():
    with pytest.raises(DataError, match="Mask R-CNN learns from masks"):
        source(blank_data(3), masks=True)
