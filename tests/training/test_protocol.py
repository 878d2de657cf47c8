"""Protocols are the published schedules; a setting that makes no sense is refused."""

import pytest

from nas.command_line.part_files import part_names, shipped
from nas.training.protocol import PROTOCOLS, Protocol, check_shares
from search_spaces.errors import ConfigError
from search_spaces.kinds import check_settings

COCO = 118_287
PER_EPOCH = COCO / 256


def make(name: str) -> Protocol:
    settings = {key: value for key, value in shipped("protocol", name).items() if key not in ("kind", "name")}
    return check_settings("protocol", PROTOCOLS["training"], settings)


@pytest.mark.parametrize(
    ("name", "epochs", "decays"),
    [("A", 250, (220, 240)), ("B", 350, (320, 340)), ("C", 500, (470, 490)), ("72_epochs", 72, (63.36, 69.12))],
)
def test_published_protocols_on_coco(name, epochs, decays):
    protocol = make(name)
    steps = protocol.steps(COCO)
    assert steps == pytest.approx(epochs * PER_EPOCH, abs=1)
    schedule = protocol.schedule_of(steps)
    assert schedule.rate(0) == pytest.approx(0.0067, rel=0.01)
    assert schedule.rate(2000) == pytest.approx(0.28)
    for decay, (before, after) in zip(decays, ((0.28, 0.028), (0.028, 0.0028))):
        at = decay * PER_EPOCH
        assert schedule.rate(int(at) - 20) == pytest.approx(before)
        assert schedule.rate(int(at) + 20) == pytest.approx(after)


def test_what_sets_the_protocols_apart():
    a, b, c = map(make, "ABC")
    assert (a.dropblock.keep, b.dropblock.keep, c.dropblock.keep) == (0.9, 1.0, 1.0)
    assert [(p.augment.scale_min, p.augment.scale_max) for p in (a, b, c)] == [(0.8, 1.2), (0.5, 2.0), (0.5, 2.0)]
    assert dict(c.scaling) == {"activation": "swish", "stochastic_depth": 0.2}
    assert not b.scaling


@pytest.mark.parametrize("name", part_names("protocol"))
def test_shipped_protocols_decay_kernels_alone_and_keep_the_defaults_of_the_code(name):
    protocol = make(name)
    assert protocol.optimiser.weight_decay > 0
    assert protocol.reference_batch == protocol.batch


def test_the_learning_rate_is_scaled_with_the_batch_and_short_trainings_warm_up_shortly():
    protocol = Protocol(batch=64)
    assert protocol.scaled_rate == pytest.approx(0.07)
    assert protocol.schedule_of(100).warmup_steps == 10
    assert Protocol(epochs=3, batch=8).steps(20) == 8
    assert Protocol(epochs=3, batch=8, most_steps=5).steps(20) == 5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch": 0}, r"protocol\.batch is 0; it must be at least 1"),
        ({"epochs": 0}, r"protocol\.epochs is 0; it must be above 0"),
        ({"schedule": "cosin"}, r"schedule is 'cosin' \(did you mean 'cosine'\?\)"),
        ({"decay_at": [2.0]}, r"decay_at is 2\.0; it must be at least 0 and at most 1"),
        ({"scaling": {"widht": 1.0}}, r"scaling\.widht is unknown \(did you mean 'width'\?\)"),
        ({"scaling": {"width": -1.0}}, r"width is -1\.0; it must be above 0"),
        ({"optimiser": {"kind": "adam"}}, r"protocol\.optimiser\.kind is 'adam'"),
        ({"validations": 0}, r"protocol\.validations is 0"),
    ],
)
def test_bad_settings(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_settings("protocol", PROTOCOLS["training"], settings)


def test_processes_share_a_step_evenly():
    check_shares(16, 4)
    with pytest.raises(ConfigError, match=r"protocol\.batch is 16 and 3 processes train; it must be a multiple"):
        check_shares(16, 3)
