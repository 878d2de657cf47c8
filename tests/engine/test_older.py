"""Records of earlier versions, whose parts had a name and no kind."""

from nas.engine.older import current_config, current_identity, is_older

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
    "proxy": {"kind": "detection", "name": "detection", "optimiser": {"kind": "adamw"}},
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
