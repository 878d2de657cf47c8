"""What is written past Python goes into the file, and what Python writes to the terminal."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr

import pytest

from nas.engine.ray.output import LOG_NAME, raw_lines_to


def test_raw_lines_go_into_the_file_and_python_s_to_the_terminal(tmp_path, capfd):
    with raw_lines_to(tmp_path / LOG_NAME):
        os.write(1, b"raw out\n")
        os.write(2, b"raw err\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
        print("ours", file=sys.stderr)
    assert (tmp_path / LOG_NAME).read_text() == "raw out\nraw err\nchild\n"
    assert capfd.readouterr() == ("", "ours\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_a_second_run_adds_to_the_file(tmp_path):
    for line in (b"one\n", b"two\n"):
        with raw_lines_to(tmp_path / LOG_NAME):
            os.write(2, line)
    assert (tmp_path / LOG_NAME).read_text() == "one\ntwo\n"


def test_without_lines_there_is_no_file(tmp_path):
    with raw_lines_to(tmp_path / LOG_NAME):
        print("ours", file=sys.stderr)
    assert not (tmp_path / LOG_NAME).exists()


def test_lines_are_lost_where_the_file_cannot_be_written(tmp_path, capfd):
    with raw_lines_to(tmp_path / "not" / "there"):
        os.write(2, b"raw err\n")
    assert capfd.readouterr() == ("", "")


def test_no_descriptor_is_left_open(tmp_path):
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        with raw_lines_to(tmp_path / LOG_NAME):
            pass
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_messages_that_are_led_elsewhere_stay_there(tmp_path):
    with redirect_stderr(io.StringIO()) as messages, raw_lines_to(tmp_path / LOG_NAME):
        os.write(2, b"raw\n")
        print("ours", file=sys.stderr)
    assert messages.getvalue() == "ours\n"
    assert (tmp_path / LOG_NAME).read_text() == "raw\n"


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_closed_streams_are_no_hindrance(tmp_path, closed):
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from nas.engine.ray.output import raw_lines_to\n"
        "from nas.words import printable_output\n"
        "with printable_output(), raw_lines_to(Path(sys.argv[1])):\n"
        "    print('ours', file=sys.stderr)\n"
        "Path(sys.argv[2]).write_text('done')\n"
    )
    close = (
        f"import os, sys; [os.close(one) for one in {closed}]\n"
        "os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
    )
    subprocess.run([sys.executable, "-c", close, script, tmp_path / LOG_NAME, tmp_path / "done"], check=True)
    assert (tmp_path / "done").read_text() == "done"
