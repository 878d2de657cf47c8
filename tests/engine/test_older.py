"""Records of earlier versions, whose parts had a name and no kind, and whose trainings had fewer settings."""

from pathlib import Path

import pytest

from nas.command_line.config import load_config
from nas.engine.differences import first_difference
from nas.engine.older import current_config, current_identity, is_older
from nas.engine.record import read_run

RESULTS = Path(__file__).parents[2] / "results"

OLD = {
    "space": {"name": "spinenet", "stem": [2, 2]},
    "controller": {"name": "ppo", "clip": 0.2},
    "proxy": {"name": "detection", "optimiser": {"kind": "adamw"}},
    "data": {"name": "coco", "root": "pictures"},
    "runner": {"name": "ray"},
    "samples": 20,
}
NEW = {
    "space": {"kind": "scale_permuted", "name": "spinenet", "stem": [2, 2]},
    "controller": {"kind": "ppo", "name": "ppo", "clip": 0.2},
    "proxy": {
        **{"kind": "detection", "name": "detection", "optimiser": {"kind": "adamw"}},
        **{"statistics_images": 0, "statistics_batch_size": 128, "compare_statistics": False},
    },
    "data": {"kind": "coco", "name": "coco", "root": "pictures"},
    "runner": {"kind": "ray", "name": "ray"},
    "samples": 20,
}


def test_an_older_configuration_gets_kinds():
    assert is_older(OLD)
    assert current_config(OLD) == NEW
    assert current_config({"space": {"name": "toy"}}) == {"space": {"kind": "scale_permuted", "name": "toy"}}


def test_today_s_configuration_is_left_alone():
    assert not is_older(NEW)
    assert current_config(NEW) == NEW


def test_a_configuration_without_parts_is_neither():
    assert not is_older({"samples": 5, "space": None})
    assert current_config({"samples": 5, "space": None}) == {"samples": 5, "space": None}


def test_an_older_identity_is_today_s():
    recorded = {"space": OLD["space"], "seed": 0, "data": {"name": "coco", "fingerprint": "f"}}
    wanted = {
        "space": {"kind": "scale_permuted", "stem": [2, 2]},
        "seed": 0,
        "data": {"kind": "coco", "fingerprint": "f"},
    }
    assert current_identity(recorded, wanted) == wanted
    assert current_identity(wanted, wanted) == wanted


def test_an_older_identity_rewards_ap_alone():
    reward = {"cost": None, "target": None, "exponent": -0.07, "max_multiply_adds": None, "max_params": None}
    assert current_identity({"seed": 0}, {"seed": 0, "reward": reward}) == {"seed": 0, "reward": reward}
    other = {**reward, "cost": "params", "target": 1e6}
    assert current_identity({"seed": 0, "reward": other}, {"seed": 0, "reward": reward})["reward"] == other


def test_an_older_identity_that_is_compared_with_its_own_stays_as_it_is():
    recorded = {"space": {"name": "toy"}, "seed": 0}
    assert current_identity(recorded, {"space": {"name": "spinenet"}, "seed": 0}) == recorded


@pytest.mark.parametrize("name", ["bccd", "coco128"])
def test_a_recorded_run_of_an_earlier_version_has_all_settings_of_today(name):
    """Nothing but what the two searches were told differs, so that one may be compared with the other."""
    session = read_run(RESULTS / name).sessions[0]
    today = load_config("search", ["data=coco", "proxy.steps=200", "proxy.image_size=96", "proxy.batch_size=8",
                                   "proxy.learning_rate=0.003", "proxy.device=cpu"])  # fmt: skip
    wanted = {part: {key: value for key, value in today[part].items() if key != "name"} for part in ("space", "proxy")}
    found = current_identity(session.identity, wanted)
    for part in wanted:
        assert first_difference(found[part], wanted[part]) is None, part
    assert current_config(session.config)["proxy"].keys() == today["proxy"].keys()


def test_settings_that_a_record_has_stay():
    recorded = {"kind": "detection", "statistics_images": 64, "scaling": {"convention": "mmdet"}}
    found = current_identity({"proxy": recorded}, {})["proxy"]
    assert (found["statistics_images"], found["scaling"]["convention"], found["scaling"]["repeats"]) == (64, "mmdet", 1)
    assert current_identity({"proxy": {"kind": "synthetic"}}, {}) == {"proxy": {"kind": "synthetic"}}
