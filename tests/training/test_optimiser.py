"""The optimiser: which weights decay, which rate they learn at, and the average of the weights."""

import pytest
import torch

from nas.training.loop import train
from nas.training.optimiser import OptimiserSettings, build_average, build_optimiser, set_learning_rate
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError
from tests.training.training_support import tiny_detector


def test_weight_decay_spares_biases_and_normalisation() -> None:
    detector = tiny_detector()
    before = {name: parameter.detach().clone() for name, parameter in detector.named_parameters()}
    frozen = [(torch.zeros(1, 3, 32, 32), [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}])]
    settings = OptimiserSettings(kind="adamw", weight_decay=0.5)
    for parameter in detector.parameters():
        parameter.register_hook(torch.zeros_like)
    train(detector, frozen, Schedule(0.1, 1), settings)
    for name, parameter in detector.named_parameters():
        factor = 0.95 if parameter.ndim > 1 else 1.0
        assert torch.allclose(parameter, before[name] * factor), name


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_every_weight_is_in_one_group(kind: str) -> None:
    detector = tiny_detector()
    optimiser = build_optimiser(detector, OptimiserSettings(kind=kind, weight_decay=0.5))
    grouped = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    assert {id(parameter) for parameter in grouped} == {id(parameter) for parameter in detector.parameters()}
    assert len(grouped) == len(list(detector.parameters()))
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.5, 0.0]
    set_learning_rate(optimiser, 0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]


def test_the_average_moves_weights_and_statistics() -> None:
    layer = torch.nn.BatchNorm1d(1)
    assert build_average(layer, None) is None
    average = build_average(layer, 0.75)
    assert average is not None
    average.update_parameters(layer)
    with torch.no_grad():
        layer.weight.fill_(5.0)
        layer.running_mean.fill_(4.0)
    average.update_parameters(layer)
    assert float(average.module.weight) == 2.0
    assert float(average.module.running_mean) == 1.0


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ({"kind": "adam"}, r"^kind is 'adam' \(did you mean 'adamw'\?\); it must be one of: sgd, adamw"),
        ({"momentum": 1.0}, "^momentum is 1"),
        ({"weight_decay": -1.0}, "weight_decay is -1"),
        ({"clip_norm": 0.0}, "clip_norm is 0"),
        ({"ema_decay": 1.0}, "ema_decay is 1"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        OptimiserSettings(**values)  # type: ignore[arg-type]


def test_a_ramped_average_forgets_its_beginning() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    averages = [build_average(module, 0.999, ramped) for ramped in (True, False)]
    with torch.no_grad():
        for value in (100.0, *[1.0] * 200):
            module.weight.fill_(value)
            for average in averages:
                assert average is not None
                average.update_parameters(module)
    ramped, plain = (float(average.module.weight.detach()) for average in averages if average is not None)
    assert ramped == pytest.approx(1.0, abs=0.01)
    assert plain > 50
