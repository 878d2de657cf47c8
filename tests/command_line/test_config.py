"""Overrides are checked against the composed defaults; every refusal is one sentence with what is allowed."""

from pathlib import Path

import pytest
import yaml

from nas.command_line.config import help_text, load_config, to_yaml
from nas.command_line.part_files import commands, part_names, parts
from search_spaces.errors import ConfigError

OWN_FILES = {
    "space": "kind: scale_permuted\nintermediates: [3, 4]\noutputs: [3, 4]\n",
    "controller": "kind: ppo\nlearning_rate: 1e-2\n",
    "proxy": "kind: detection\nname: quick\nsteps: 7\noptimiser: {ema_decay: null, weight_decay: 0.5}\n",
    "data": "kind: synthetic\nimages: 64\n",
    "runner": "kind: serial\nthreads: 2\n",
    "protocol": "kind: training\nimage_size: 64\n",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a file in the current folder and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine.yaml") -> str:
        (tmp_path / name).write_text(text)
        return name

    return write


def command_of(part: str) -> str:
    """A command that has the part."""
    return next(command for command in ("search", "train") if part in load_config(command, []))


@pytest.mark.parametrize("command", commands())
def test_every_command_composes_and_has_help(command):
    config = load_config(command, [])
    assert yaml.safe_load(to_yaml(config)) == config
    assert help_text(command).startswith(("#", "defaults"))


def test_help_lists_the_choices_of_a_part_and_its_settings():
    text = help_text("search")
    assert "proxy=default | grad_norm | jacov | " in text
    assert " | synthetic | zero_cost | FILE.yaml   (settings of default, as proxy.KEY=VALUE)" in text
    assert "  warmup_steps: 20" in text
    assert f"prefilter=null | {' | '.join(part_names('proxy'))} | FILE.yaml   (settings as those of proxy," in text


@pytest.mark.parametrize(("part", "name"), [(part, name) for part in parts() for name in part_names(part)])
def test_every_part_composes_under_its_name(part, name):
    assert load_config(command_of(part), [f"{part}={name}"])[part]["name"] == name


def test_overrides_arrive():
    config = load_config("search", ["space=toy", "samples=7", "space.level_offsets=[0]", "run='a b'"])
    assert (config["samples"], config["space"]["level_offsets"], config["run"]) == (7, [0], "a b")
    assert (config["space"]["kind"], config["space"]["name"]) == ("scale_permuted", "toy")


@pytest.mark.parametrize("name", part_names("proxy"))
def test_a_prefilter_is_chosen_as_a_proxy_is(name):
    config = load_config("search", [f"prefilter={name}", "prefilter.name=cheap", "keep=0.3"])
    assert config["prefilter"] == {**load_config("search", [f"proxy={name}"])["proxy"], "name": "cheap"}
    assert config["proxy"] == load_config("search", [])["proxy"]
    assert config["keep"] == 0.3


def test_a_prefilter_can_be_a_file_of_ones_own_beside_such_a_proxy(own):
    path = own(OWN_FILES["proxy"])
    config = load_config("search", [f"proxy={path}", "proxy.steps=7", f"prefilter={path}", "prefilter.steps=3"])
    assert config["prefilter"] == {**config["proxy"], "steps": 3}
    assert config["proxy"]["steps"] == 7


def test_a_prefilter_is_null_until_it_is_given_and_stays_when_a_search_goes_on():
    assert load_config("search", [])["prefilter"] is None
    assert load_config("search", ["prefilter=null"])["prefilter"] is None
    earlier = load_config("search", ["prefilter=synthetic", "prefilter.noise=0.5", "keep=0.5"])
    assert load_config("search", [], earlier=earlier) == earlier
    assert load_config("search", ["prefilter=null"], earlier=earlier)["prefilter"] is None


def test_a_name_is_a_label_and_may_be_changed():
    assert load_config("search", ["proxy=paper", "proxy.name=at_256"])["proxy"]["name"] == "at_256"


def test_null_is_left_to_what_is_built():
    config = load_config("search", ["space.intermediate_window=null", "proxy.optimiser.ema_decay=null"])
    assert config["space"]["intermediate_window"] is None
    assert config["proxy"]["optimiser"]["ema_decay"] is None


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("space=spinnet", "unknown space 'spinnet' .did you mean 'spinenet'.*there are: spinenet, toy, or.*FILE.yaml"),
        ("controller=pp0", "unknown controller 'pp0' .did you mean 'ppo'"),
        ("proxy=papr", "unknown proxy 'papr' .did you mean 'paper'"),
        ("proxy=null", "unknown proxy None"),
        ("prefilter=papr", "unknown prefilter 'papr' .did you mean 'paper'"),
        ("prefilter.steps=5", "unknown key 'prefilter.steps'; prefilter has no keys"),
        ("prefilter.kind=synthetic", "prefilter.kind cannot be set; choose with prefilter=NAME or prefilter=FILE.yaml"),
        ("proxy={steps: 5}", "unknown proxy {'steps': 5}"),
        ("sampels=3", "unknown key 'sampels' .did you mean 'samples'.*allowed"),
        ("space.stm=[2]", "unknown key 'space.stm' .did you mean 'space.stem'"),
        ("seed.low=3", "unknown key 'seed.low'; seed has no keys"),
        ("proxy.kind=synthetic", "proxy.kind cannot be set; choose with proxy=NAME or proxy=FILE.yaml"),
        ("proxy.optimiser=5", "proxy.optimiser is a group of settings; set one of: kind, momentum"),
        ("proxy.name=5", "proxy.name is 5; it must be a text"),
        ("samples=many", "samples is 'many'; it must be an integer"),
        ("samples=null", "samples is null; it must be an integer"),
        ("samples=true", "samples is true; it must be an integer"),
        ("samples=2.5", "samples is 2.5; it must be an integer"),
        ("resume=1", "resume is 1; it must be true or false"),
        ("space.stem=2", "space.stem is 2; it must be a list"),
        ("space.stem=[x]", r"space.stem\[0\] is 'x'; it must be an integer"),
        ("controller.clip=inf", "controller.clip is inf; it must be a finite number"),
        ("run=${nothing}", "the configuration cannot be composed at run: Interpolation key 'nothing' not found"),
        ("+extra=1", "not supported"),
        ("samples=1,2", "not supported"),
        ("samples", "give key=value"),
        ("proxy.name=a=(", "cannot be parsed; quote a value"),
    ],
)
def test_a_bad_override_is_explained(argument, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_config("search", [argument])


@pytest.mark.parametrize("part", parts())
def test_every_part_can_be_a_file_of_ones_own(part, own):
    command = command_of(part)
    config = load_config(command, [f"{part}={own(OWN_FILES[part])}"])
    given, plain = yaml.safe_load(OWN_FILES[part]), config[part]
    assert plain["kind"] == given["kind"]
    assert plain["name"] == given.get("name", "mine")
    assert len(plain) > len(given), "settings left out have their defaults"
    assert {key: value for key, value in config.items() if key != part} == {
        key: value for key, value in load_config(command, []).items() if key != part
    }


def test_overrides_go_on_top_of_a_file_of_ones_own(own):
    proxy = load_config("search", [f"proxy={own(OWN_FILES['proxy'])}", "proxy.steps=5", "proxy.optimiser.momentum=0.5"])
    default = load_config("search", [])["proxy"]
    assert proxy["proxy"] == {
        **default,
        "name": "quick",
        "steps": 5,
        "optimiser": {**default["optimiser"], "ema_decay": None, "weight_decay": 0.5, "momentum": 0.5},
    }


def test_numbers_in_a_file_are_read_as_those_of_the_shipped_files(own):
    assert load_config("search", [f"controller={own(OWN_FILES['controller'])}"])["controller"]["learning_rate"] == 0.01


def test_what_was_composed_is_a_file_of_ones_own(own):
    """The settings that ``--cfg`` prints of a part can be kept as a file."""
    paper = load_config("search", ["proxy=paper"])["proxy"]
    assert load_config("search", [f"proxy={own(to_yaml(paper))}"])["proxy"] == paper


def test_a_file_of_ones_own_serves_every_command(own):
    assert load_config("space", [f"space={own(OWN_FILES['space'])}"])["space"]["name"] == "mine"
    assert load_config("data", [f"data={own(OWN_FILES['data'])}"])["data"]["images"] == 64


def test_an_interpolation_in_a_file_is_resolved(own, monkeypatch):
    monkeypatch.setenv("PICTURES", "/pictures")
    name = own("kind: coco\nroot: ${oc.env:PICTURES}/coco\n")
    assert load_config("data", [f"data={name}"])["data"]["root"] == "/pictures/coco"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "kind: detection\nwarmup_steps: many\n",
            "proxy.warmup_steps is 'many'; it must be an integer, for example 20",
        ),
        ("kind: detection\nscaling: {width: big}\n", "proxy.scaling.width is 'big'; it must be a finite number"),
        ("kind: detection\nlearning_rate: .inf\n", "proxy.learning_rate is inf; it must be a finite number"),
    ],
)
def test_a_wrong_type_in_a_file_names_the_file(own, text, sentence):
    with pytest.raises(ConfigError) as caught:
        load_config("search", [f"proxy={own(text)}"])
    assert str(caught.value).startswith(f"proxy file mine.yaml: {sentence}")


def test_an_earlier_configuration_is_gone_on_with(own):
    """The file that a part came from is no longer needed, and settings of the part can be changed."""
    arguments = ["proxy=synthetic", f"space={own(OWN_FILES['space'])}", "samples=7", "seed=5"]
    earlier = load_config("search", arguments)
    Path("mine.yaml").unlink()
    assert load_config("search", [], earlier) == earlier
    changed = load_config("search", ["samples=9", "proxy.noise=0.5", "space.stem=[2,2,2]"], earlier)
    assert changed == {
        **earlier,
        "samples": 9,
        "proxy": {**earlier["proxy"], "noise": 0.5},
        "space": {**earlier["space"], "stem": [2, 2, 2]},
    }
    assert load_config("search", ["space=toy"], earlier)["space"]["name"] == "toy"
    with pytest.raises(ConfigError, match=r"unknown key 'proxy\.steps'"):
        load_config("search", ["proxy.steps=5"], earlier)
