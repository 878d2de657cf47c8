"""Every shipped part is built; what a configuration says arrives in the object."""

import pickle

import numpy as np
import pytest

from nas.command_line.config import load_config
from nas.command_line.part_files import part_names
from nas.command_line.parts import (
    make_controller,
    make_data,
    make_space,
    prefilter_factory,
    proxy_anywhere,
    proxy_factory,
    without_name,
)
from proxies.detection import DetectionProxy
from search_spaces.errors import ConfigError, SpaceError


@pytest.mark.parametrize("name", part_names("space"))
def test_every_space_is_built_under_its_name(name):
    space = make_space(load_config("space", [f"space={name}"]))
    assert space.name == name
    assert space.contains(space.sample(np.random.default_rng(0)))


@pytest.mark.parametrize("name", part_names("controller"))
def test_every_controller_is_built_with_the_seed(name):
    config = load_config("search", ["space=toy", f"controller={name}", "seed=3"])
    space = make_space(config)
    first, again = (make_controller(config, space).ask() for _ in range(2))
    other = make_controller({**config, "seed": 4}, space).ask()
    assert first == again != other


@pytest.mark.parametrize("name", part_names("proxy"))
def test_every_proxy_is_built_again_from_a_pickled_factory(name, tmp_path):
    config = load_config("search", ["space=toy", f"proxy={name}", f"data.cache_dir={tmp_path}", "data.images=8"])
    proxy = pickle.loads(pickle.dumps(proxy_factory(config)))()
    assert proxy.resolved() == proxy_factory(config)().resolved()


def test_a_proxy_gets_the_data_and_their_cache(tmp_path):
    config = load_config("search", ["proxy.image_size=32", "data.images=8", f"data.cache_dir={tmp_path}"])
    proxy = proxy_factory(config)()
    assert isinstance(proxy, DetectionProxy)
    data, split = proxy.open()
    assert (len(data), len(split.reserved)) == (8, 2)
    assert [path.is_dir() for path in tmp_path.iterdir()] == [True]


def test_a_proxy_gets_the_space():
    config = load_config("search", ["space=toy", "proxy=synthetic", "space.outputs=[3,4,5]"])
    assert make_space(config).contains(proxy_factory(config)().target)


def test_a_prefilter_is_made_as_a_proxy_is(tmp_path):
    config = load_config("search", ["space=toy", "prefilter=synthetic", "prefilter.target_seed=3", "keep=0.5"])
    prefilter = pickle.loads(pickle.dumps(prefilter_factory(config)))()
    assert prefilter == proxy_factory({**config, "proxy": config["prefilter"]})()
    assert make_space(config).contains(prefilter.target)
    assert prefilter_factory({**config, "prefilter": None}) is None
    with pytest.raises(ConfigError, match=r"^prefilter: target_seed is -1|^prefilter: proxy.target_seed is -1"):
        prefilter_factory({**config, "prefilter": {**config["prefilter"], "target_seed": -1}})()


@pytest.mark.parametrize(
    ("given", "device"),
    [
        (["proxy.device=cuda:1"], "cuda:1"),
        (["proxy.device=cuda:1", "prefilter.device=cpu"], "cpu"),
        (["proxy=synthetic"], "auto"),
        ([], "auto"),
    ],
)
def test_a_prefilter_computes_where_the_proxy_does_unless_it_is_told(given, device):
    config = load_config("search", ["prefilter=nwot", "keep=0.5", *given])
    assert prefilter_factory(config).args[0].keywords["device"] == device


def test_data_are_opened_at_a_size(tmp_path):
    config = load_config("data", ["data.images=8", f"data.cache_dir={tmp_path}"])
    assert make_data(config, 32).images.shape == (8, 3, 32, 32)


def test_names_are_labels():
    assert without_name({"kind": "ppo", "name": "mine", "clip": 0.1}) == {"kind": "ppo", "clip": 0.1}
    config = load_config("search", ["space=toy", "controller.name=mine", "proxy.name=mine", "data.name=mine"])
    make_controller(config, make_space(config))
    proxy_factory(config)()


def build_all(config):
    make_controller(config, make_space(config))
    proxy_factory(config)()


@pytest.mark.parametrize(
    ("part", "settings", "error", "sentence"),
    [
        ("space", {"stm": [2]}, ConfigError, r"unknown space setting 'stm' \(did you mean 'stem'\?\); there are: "),
        (
            "controller",
            {"clp": 1},
            ConfigError,
            r"unknown controller setting 'clp' \(did you mean 'clip'\?\); there are",
        ),
        ("proxy", {"stps": 1}, ConfigError, r"unknown proxy setting 'stps' \(did you mean 'steps'\?\); there are: "),
        ("proxy", {"kind": "detektion"}, ConfigError, r"unknown proxy 'detektion' \(did you mean 'detection'\?\)"),
        ("controller", {"kind": "pp0"}, ConfigError, r"unknown controller 'pp0' \(did you mean 'ppo'\?\)"),
        ("space", {"stem": None}, ConfigError, "space.stem is null; it must be a list"),
        ("space", {"stem": [2]}, SpaceError, "space spinenet: .*parents_per_block is 2"),
        ("controller", {"clip": -1.0}, ConfigError, r"^controller\.clip is -1\.0; it must be above 0\.$"),
    ],
)
def test_a_setting_of_any_part_is_refused_in_one_form(part, settings, error, sentence):
    config = load_config("search", [])
    config[part] = {**config[part], **settings}
    with pytest.raises(error, match=sentence):
        build_all(config)


def test_a_setting_of_the_data_is_refused_in_the_same_form(tmp_path):
    config = load_config("data", [])
    config["data"] = {**config["data"], "image": 5}
    with pytest.raises(ConfigError, match=r"unknown data setting 'image' \(did you mean 'images'\?\); there are: "):
        make_data(config, 32)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("data", "{here}/data"), (".", "{here}"), ("../x", "{above}/x"), ("~/x", "{home}/x"), ("/abs", "/abs")],
)
def test_workers_get_paths_that_hold_in_any_folder(monkeypatch, tmp_path, given, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    config = load_config("search", ["data=coco", f"data.root='{given}'", f"data.cache_dir='{given}'"])
    settings = proxy_anywhere(config).keywords
    right = expected.format(here=tmp_path, above=tmp_path.parent, home="/home/me")
    assert (settings["data"]["root"], settings["cache_dir"]) == (right, right)
