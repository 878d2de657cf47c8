"""One torch thread: the tests' networks are too small to gain from more, and other processes get the other cores.

Property tests draw the same examples in every run, so that a suite that has passed passes again;
``pytest --hypothesis-profile=default`` draws new ones.
With several processes (``pytest -n 2 --dist loadgroup``) the tests of a file stay together, and so do all files that
start Ray: sessions of one user that begin at one moment take each other's tokens.
A command that is interrupted ignores signals until its process ends; the process of the tests goes on.
"""

import re
import signal

import pytest
import torch
from hypothesis import settings

from nas.machine.signals import STOPPING

torch.set_num_threads(1)
settings.register_profile("same_examples", derandomize=True)
settings.load_profile("same_examples")
pytest.register_assert_rewrite("tests.checkpoints.parity_fixtures")  # its checks tell what differs, as tests do


def pytest_collection_modifyitems(items):
    groups = {path: _group(path) for path in {item.path for item in items}}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item.path]))


def _group(path):
    return "ray" if re.search(r"\bray\b", path.read_text(encoding="utf-8")) else str(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Names that are no text stand in what tests print; a report that goes from process to process must be text."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def same_signals():
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def heard_signals(same_signals):
    """What nohup or a shell's background job has made this process deaf to reaches it and its children in the test."""
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
