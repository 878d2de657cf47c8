"""From a configuration to what a search alone has."""

import pytest

import proxies
import search_spaces
from nas.command_line.config import load_config
from nas.command_line.search_parts import (
    check_parts,
    check_references,
    make_reward,
    recommend_settings,
    search_settings,
)
from search_spaces.errors import ConfigError


def test_what_is_said_arrives():
    config = load_config("search", ["samples=40", "seed=3", "finalists.longer=1.5", "references=[r0-sp53]"])
    settings = search_settings(config)
    assert (settings.samples, settings.seed, settings.retries) == (40, 3, 2)
    assert (settings.finalists.count, settings.finalists.longer) == (None, 1.5)
    assert [one.name for one in settings.references] == ["r0-sp53"]
    reward = make_reward(load_config("search", ["reward.cost=params", "reward.target=3e7"]))
    assert make_reward(load_config("search", ["reward.max_params=3e7"])).settings.max_params == 3e7
    assert (reward.settings.cost, reward.settings.target, reward.settings.exponent) == ("params", 3e7, -0.07)
    assert recommend_settings(load_config("search", ["recommend.max_milliseconds=50"])).max_milliseconds == 50


def test_by_default_the_published_baselines_are_references():
    assert [one.name for one in search_settings(load_config("search", [])).references] == ["spinenet-49", "r50-fpn"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["references=[spinnet-49]"], "references: unknown architecture 'spinnet-49' (did you mean 'spinenet-49'?)"),
        (["references=[spinenet-49,spinenet-96]"], "references name spinenet-49 and spinenet-96, which are one graph"),
        (
            ["samples=4", "finalists.count=5"],
            "finalists.count is 5 and samples is 4; finalists.count must not",
        ),
        (["finalists.longer=0.5"], "finalists.longer is 0.5; it must be at least 1."),
        (["finalists.seeds=0"], "finalists.seeds is 0; it must be at least 1."),
        (["finalists.winner_seeds=-1"], "finalists.winner_seeds is -1; it must be at least 0."),
        (["runner.retries=-1"], "runner.retries is -1; it must be at least 0."),
        (["reward.cost=latency"], "reward.cost is 'latency'; it must be one of: multiply_adds, params."),
        (["reward.cost=params"], "reward.target is null and cost is 'params'; give both, or neither."),
        (["reward.exponent=1.0"], "reward.exponent is 1.0; it must be at least -10 and at most 0."),
        (["reward.max_params=0"], "reward.max_params is 0; it must be above 0."),
        (["recommend.measure=false", "recommend.max_milliseconds=9"], "recommend.measure is false; max_milliseconds"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence):
    config = load_config("search", arguments)
    with pytest.raises(ConfigError) as caught:
        search_settings(config), make_reward(config), recommend_settings(config)
    assert str(caught.value).startswith(sentence)


def test_a_reference_that_the_proxy_cannot_build_is_named():
    references = search_settings(load_config("search", [])).references
    small = {"data": {"kind": "synthetic"}, "device": "cpu"}
    check_references(references, proxies.build("detection", image_size=96, **small))
    check_references(references, proxies.build("synthetic"))
    with pytest.raises(ConfigError) as caught:
        check_references(references, proxies.build("detection", image_size=72, **small))
    assert str(caught.value).startswith(
        "references: r50-fpn cannot be built with the settings of the proxy, so leave it out of references or change "
        "them: "
    )


def test_a_reference_that_the_record_holds_needs_no_file(tmp_path):
    config = load_config("search", [f"references=[spinenet-49,{tmp_path}/gone.json]"])
    with pytest.raises(ConfigError, match=r"^references: .*gone\.json"):
        search_settings(config)
    known = {f"{tmp_path}/gone.json": search_spaces.load("r0-sp53")}
    assert [one.architecture.fingerprint for one in search_settings(config, known).references] == [
        search_spaces.load(name).fingerprint for name in ("spinenet-49", "r0-sp53")
    ]


DETECTOR = {"data": {"kind": "synthetic"}, "device": "cpu"}
NWOT = {"kind": "zero_cost", "score": "nwot", **DETECTOR}
LOSS = {"kind": "loss", **DETECTOR}


@pytest.mark.parametrize(
    ("proxy", "arguments", "sentence"),
    [
        (NWOT, ["reward.cost=params", "reward.target=1e7"], "reward.cost is params; it must be null where the proxy"),
        (
            NWOT,
            ["recommend.max_multiply_adds=1e9"],
            "recommend.max_multiply_adds is 1e+09; it must be null where the proxy gives nwot and no AP.",
        ),
        (
            LOSS,
            ["recommend.max_milliseconds=50"],
            "recommend.max_milliseconds is 50; it must be null where the proxy gives negative loss and no AP.",
        ),
        (
            {"kind": "synthetic"},
            ["recommend.max_milliseconds=50"],
            "recommend.max_milliseconds is 50; it must be null where the proxy builds no detectors.",
        ),
        (
            {"kind": "detection", "image_size": 96, **DETECTOR},
            ["recommend.max_milliseconds=50", "recommend.image_size=100"],
            "recommend.image_size is 100, and r50-fpn cannot be counted at it: ",
        ),
    ],
)
def test_what_the_parts_cannot_give_is_refused_before_anything_is_trained(proxy, arguments, sentence):
    config = load_config("search", arguments)
    references = search_settings(config).references
    with pytest.raises(ConfigError) as caught:
        check_parts(references, proxies.build(**proxy), make_reward(config), recommend_settings(config))
    assert str(caught.value).startswith(sentence)


def test_parts_that_go_together():
    config = load_config("search", ["recommend.max_multiply_adds=1e9", "reward.cost=params", "reward.target=1e7"])
    references = search_settings(config).references
    detection = proxies.build("detection", image_size=96, **DETECTOR)
    check_parts(references, detection, make_reward(config), recommend_settings(config))
    plain = load_config("search", [])
    for proxy in (NWOT, {"kind": "synthetic"}):
        check_parts((), proxies.build(**proxy), make_reward(plain), recommend_settings(plain))
