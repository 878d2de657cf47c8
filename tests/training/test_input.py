"""Training batches: the same whenever they are asked for, shared out to ranks, with masks where they are needed."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from nas.datasets.augment import AugmentSettings, read_batch
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.training import input as training_input
from nas.training.input import batches, read_ahead
from nas.training.order import Pick
from search_spaces.errors import DataError
from tests.datasets.square_support import blank_data

VARIED = AugmentSettings(scale_min=0.5, scale_max=2.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionData:
    return open_synthetic(SyntheticSettings(images=16), 32, tmp_path_factory.mktemp("cache"))


def stream(data: DetectionData, batch_size: int = 4, **options: Any) -> Iterator[Any]:
    return batches(data, reserve(data).train, batch_size, VARIED, 0, **options)


def same(one: Any, other: Any) -> bool:
    """Whether two batches are equal in images and targets."""
    targets = [(first[name], second[name]) for first, second in zip(one[1], other[1]) for name in first]
    return torch.equal(one[0], other[0]) and all(torch.equal(*pair) for pair in targets)


def test_going_on_at_a_step_gives_the_batches_that_were_left(data: DetectionData) -> None:
    whole = list(itertools.islice(stream(data, masks=True), 8))
    again = list(itertools.islice(stream(data, masks=True, first_step=5), 3))
    assert all(same(one, other) for one, other in zip(whole[5:], again))
    assert not same(whole[0], whole[5])


def test_ranks_read_their_slice_of_every_batch(data: DetectionData) -> None:
    whole = next(stream(data, batch_size=6, first_step=2))
    slices = [next(stream(data, batch_size=6, first_step=2, rank=rank, ranks=3)) for rank in range(3)]
    assert [len(one[0]) for one in slices] == [2, 2, 2]
    joined = torch.cat([one[0] for one in slices]), [target for one in slices for target in one[1]]
    assert same(whole, joined)


def test_an_epoch_shows_every_image_once(data: DetectionData) -> None:
    train_images = reserve(data).train
    seen: list[int] = []
    original = training_input.read_batch

    def spy(data: DetectionData, picks: list[Pick], *rest: object) -> object:
        seen.extend(pick.image for pick in picks)
        return original(data, picks, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_input, "read_batch", spy)
        list(itertools.islice(stream(data, batch_size=5), 5))
    assert sorted(seen[:12]) == sorted(seen[12:24]) == list(train_images)
    assert seen[:12] != seen[12:24]


def test_reading_ahead_changes_nothing(data: DetectionData) -> None:
    items = [read_batch(data, [Pick(index, (0, index))], VARIED) for index in range(7)]
    assert list(read_ahead(iter(items))) == items


def test_a_stream_can_be_dropped_while_it_reads_ahead(data: DetectionData) -> None:
    source = read_ahead(read_batch(data, [Pick(0, (0, step))], VARIED) for step in itertools.count())
    next(source)
    source.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(source)


def test_masks_are_checked_before_the_first_batch(data: DetectionData) -> None:
    assert "masks" not in next(stream(data))[1][0]
    assert next(stream(data, masks=True))[1][0]["masks"].shape[1:] == (32, 32)
    with pytest.raises(DataError, match="Mask R-CNN learns from masks"):
        batches(blank_data(4), range(4), 2, VARIED, 0, masks=True)
    assert len(next(batches(blank_data(4), range(4), 2, VARIED, 0))[1]) == 2
