"""Workers import from where the driver does."""

import os
import sys

import pytest

from nas.engine.ray.path import SamePath


@pytest.mark.parametrize(("first", "kept_off"), [([], True), ([""], False), ([os.curdir], True), (["{here}"], False)])
def test_the_current_folder_is_kept_off_where_the_driver_does_not_have_it(monkeypatch, tmp_path, first, kept_off):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*(one.format(here=os.getcwd()) for one in first), "/elsewhere"])
    assert SamePath()._runtime_env_has_working_dir() is kept_off


def test_ray_asks_for_it_where_it_adds_the_folder():
    """What is overridden is no part of Ray's interface: this fails where a release of Ray drops it."""
    import inspect

    import ray._private.worker

    source = inspect.getsource(ray._private.worker.connect)
    assert "_runtime_env_has_working_dir" in source.split("current_directory =")[0]
