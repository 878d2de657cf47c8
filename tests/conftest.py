"""One torch thread: the tests' networks are too small to gain from more, and other processes get the other cores.

A command that is interrupted ignores signals until its process ends; the process of the tests goes on.
"""

import signal

import pytest
import torch

from nas.machine.signals import STOPPING

torch.set_num_threads(1)
pytest.register_assert_rewrite("tests.checkpoints.parity_fixtures")  # its checks tell what differs, as tests do


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
