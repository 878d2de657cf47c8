"""Ray's resources, its start, and the switches around it; only the last test starts Ray."""

import os
import socket

import pytest
import ray

from nas.engine.ray import session
from nas.engine.ray.session import RaySettings, ray_session, trial_resources
from nas.machine.signals import exit_code, stop_signals
from search_spaces.errors import ConfigError


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("workers", 0, "at least 1"),
        ("workers", "x", "an integer"),
        ("cpus_per_trial", 0, "at least 1"),
        ("gpus_per_trial", -0.5, "at least 0"),
        ("address", "somewhere", "host:port of a Ray cluster or null"),
        ("address", 6379, "host:port of a Ray cluster or null"),
    ],
)
def test_settings_of_the_wrong_type_or_out_of_range(setting, value, right):
    with pytest.raises(ConfigError, match=rf"^{setting} is {value!r}; it must be {right}\.$"):
        RaySettings(**{setting: value})


@pytest.mark.parametrize(
    ("total", "settings", "expected"),
    [
        ({"CPU": 8.0}, {}, ({"cpu": 1, "gpu": 0.0}, 8)),
        ({"CPU": 8.0}, {"workers": 3}, ({"cpu": 1, "gpu": 0.0}, 3)),
        ({"CPU": 8.0}, {"cpus_per_trial": 3}, ({"cpu": 3, "gpu": 0.0}, 2)),
        ({"CPU": 8.0, "GPU": 2.0}, {}, ({"cpu": 1, "gpu": 1.0}, 2)),
        ({"CPU": 8.0, "GPU": 2.0}, {"gpus_per_trial": 0}, ({"cpu": 1, "gpu": 0}, 8)),
        ({"CPU": 16.0, "GPU": 1.0}, {"gpus_per_trial": 0.1, "workers": 20}, ({"cpu": 1, "gpu": 0.1}, 10)),
    ],
)
def test_what_a_trial_takes_and_how_many_run(monkeypatch, total, settings, expected):
    monkeypatch.setattr(ray, "cluster_resources", lambda: total)
    assert trial_resources(RaySettings(**settings)) == expected


def test_too_few_resources_are_said_with_what_there_is(monkeypatch):
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(ConfigError, match="cpus_per_trial 3 and gpus_per_trial 0 exceed what Ray has: 2 CPUs and 0"):
        trial_resources(RaySettings(cpus_per_trial=3))


@pytest.mark.parametrize(
    ("settings", "cores", "expected"),
    [({}, 3, 3), ({"cpus_per_trial": 2}, 3, 3), ({"workers": 4}, 3, 4), ({"workers": 4, "cpus_per_trial": 2}, 3, 8)],
)
def test_ray_gets_the_cores_that_may_be_used_or_what_is_asked_for(monkeypatch, tmp_path, settings, cores, expected):
    monkeypatch.setattr(session, "usable_processors", lambda: cores)
    assert session._own(RaySettings(**settings), tmp_path)["num_cpus"] == expected


@pytest.mark.parametrize(
    ("executable", "quoted"),
    [
        ("/usr/bin/python3", None),
        ("/home/me/my venv/bin/python", "'/home/me/my venv/bin/python'"),
        ("/srv/a;b/bin/python", "'/srv/a;b/bin/python'"),
        ("/srv/$x/bin/python", "'/srv/$x/bin/python'"),
    ],
)
def test_the_path_of_python_is_quoted_for_the_shell_that_starts_workers(monkeypatch, executable, quoted):
    monkeypatch.setattr("sys.executable", executable)
    assert session._worker_environment().get("py_executable") == quoted


def test_sigterm_while_ray_starts_is_an_interruption(monkeypatch):
    def ending(**given):
        raise SystemExit(15)

    monkeypatch.setattr(ray, "init", ending)
    with pytest.raises(KeyboardInterrupt), stop_signals(), ray_session(RaySettings()):
        pass
    assert exit_code() == 143


def test_whatever_ray_raises_is_a_sentence_with_a_way_on(monkeypatch):
    def failing(**given):
        raise Exception("The node timed out.\nat line 3")

    monkeypatch.setattr(ray, "init", failing)
    said = r"^Ray on this machine cannot be used: Exception: The node timed out\. runner=serial needs no Ray\.$"
    with pytest.raises(ConfigError, match=said), ray_session(RaySettings()):
        pass


def test_a_cluster_that_does_not_answer_is_said_to_and_the_environment_is_as_before(monkeypatch):
    monkeypatch.setattr(session, "CONNECT_SECONDS", 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        before = dict(os.environ)
        said = f"^runner.address {address} cannot be used: "
        with pytest.raises(ConfigError, match=said), ray_session(RaySettings(address=address)):
            pass
    assert dict(os.environ) == before
    assert not ray.is_initialized()


def test_a_session_ends_with_its_block_and_one_that_was_there_goes_on(capfd):
    before = dict(os.environ)
    with ray_session(RaySettings(workers=1)):
        assert ray.cluster_resources()["CPU"] == 1.0
        assert os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] == "1"
        with ray_session(RaySettings(workers=2)):
            assert ray.cluster_resources()["CPU"] == 1.0
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "cpus", "gpus", "shares"),
    [
        ({}, 6, 0, ({"cpu": 1, "gpu": 0.0}, 6)),
        ({"cpus_per_trial": 4}, 6, 0, ({"cpu": 4, "gpu": 0.0}, 1)),
        ({}, 6, 2, ({"cpu": 1, "gpu": 1.0}, 2)),
        ({"gpus_per_trial": 0.1}, 16, 1, ({"cpu": 1, "gpu": 0.1}, 10)),
        ({"workers": 2}, 6, 0, ({"cpu": 1, "gpu": 0.0}, 2)),
        ({"workers": 9}, 6, 0, ({"cpu": 1, "gpu": 0.0}, 6)),
    ],
)
def test_resources_are_shared_out(settings, cpus, gpus, shares):
    assert session.shared_out(RaySettings(**settings), cpus, gpus) == shares


def test_resources_that_do_not_suffice_are_named():
    with pytest.raises(ConfigError, match="cpus_per_trial 8 and gpus_per_trial 0 exceed what Ray has: 4 CPUs"):
        session.shared_out(RaySettings(cpus_per_trial=8), 4, 0)


def test_what_ray_will_find_here_is_known_before_it_starts(monkeypatch):
    monkeypatch.setattr(session, "usable_processors", lambda: 5)
    monkeypatch.setattr(session.torch.cuda, "device_count", lambda: 0)
    assert session.resources_here(RaySettings(cpus_per_trial=2)) == ({"cpu": 2, "gpu": 0}, 2)
    assert session.resources_here(RaySettings(workers=3, cpus_per_trial=2)) == ({"cpu": 2, "gpu": 0}, 3)
