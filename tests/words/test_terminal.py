"""What is printed can be shown: no failure for want of a character, no escape sequence from a name."""

import io
import json
import sys

import pytest

from nas.words import one_line, printable, printable_output, rewrite_line, warn
from nas.words.terminal import MARK, PrintableStream
from search_spaces.errors import FileError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, caf\u00e9, \u65e5\u672c, \U0001f431", "plain, caf\u00e9, \u65e5\u672c, \U0001f431"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2Jgone", f"{MARK}[2Jgone"),
        ("\rover\x08\x07\x7f", f"{MARK}over{MARK * 3}"),
        ("\x9b31m", f"{MARK}31m"),
        ("half \ud83d of a pair", f"half {MARK} of a pair"),
        ("\u202eright to left", f"{MARK}right to left"),
        ("line\u2028feed\x85", f"line{MARK}feed{MARK}"),
        ("soft\u00adhyphen, joined \U0001f468\u200d\U0001f469", "soft\u00adhyphen, joined \U0001f468\u200d\U0001f469"),
    ],
)
def test_what_cannot_be_shown_is_replaced(text, shown):
    assert printable(text) == shown
    assert printable(text, "utf-8") == shown


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "caf? ? ?"), ("latin-1", "caf\u00e9 ? ?"), ("cp1252", "caf\u00e9 ? ?")]
)
def test_what_an_encoding_lacks_is_replaced(encoding, shown):
    assert printable("caf\u00e9 \u732b \x1b", encoding) == shown


def test_a_name_stays_in_its_line():
    assert one_line("a\nb\tc\rd") == f"a{MARK}b{MARK}c{MARK}d"
    assert one_line("caf\u00e9") == "caf\u00e9"


def stream(encoding="ascii", name="standard output", must_arrive=True, base=None):
    return PrintableStream(io.TextIOWrapper(base or io.BytesIO(), encoding), name, must_arrive)


def test_a_stream_replaces_in_all_that_is_written():
    written = stream()
    print("caf\u00e9", "\x1b[1m", file=written, flush=True)
    written.writelines(["\ud800\n", "b\n"])
    written.flush()
    assert written.buffer.getvalue() == b"caf? ?[1m\n?\nb\n"
    assert written.write("caf\u00e9") == 4


def test_a_stream_is_otherwise_the_one_it_was_made_of():
    assert stream("latin-1").encoding == "latin-1"
    assert not stream().isatty()


def test_json_stays_json():
    written = stream()
    print(json.dumps({"name": "caf\u00e9 \x1b \ud800"}), file=written, flush=True)
    assert json.loads(written.buffer.getvalue()) == {"name": "caf\u00e9 \x1b \ud800"}


class Full(io.RawIOBase):
    def __init__(self, error):
        self.error = error

    def writable(self):
        return True

    def write(self, data):
        raise self.error


def test_what_must_arrive_is_an_error_where_it_cannot():
    full = stream(base=io.BufferedWriter(Full(OSError(28, "No space left on device")), 1))
    with pytest.raises(FileError, match=r"standard output cannot be written: No space left on device."):
        print("text", file=full, flush=True)


def test_a_message_may_be_lost():
    full = stream(base=io.BufferedWriter(Full(OSError(5, "Input/output error")), 1), must_arrive=False)
    print("text", file=full, flush=True)


def test_a_reader_that_has_gone_is_told_apart():
    def gone(must_arrive):
        base = io.BufferedWriter(Full(BrokenPipeError(32, "Broken pipe")), 1)
        return stream(base=base, must_arrive=must_arrive)

    with pytest.raises(BrokenPipeError):
        print("text", file=gone(must_arrive=True), flush=True)
    print("text", file=gone(must_arrive=False), flush=True)


def test_both_streams_are_printable_within_the_block(capsys):
    before = sys.stdout, sys.stderr
    with printable_output():
        print("\x1bout")
        print("\x1berr", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == (f"{MARK}out\n", f"{MARK}err\n")


def test_there_may_be_no_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with printable_output():
        print("nowhere", flush=True)
        print("nowhere", file=sys.stderr, flush=True)
    assert sys.stdout is None


def test_a_line_is_rewritten_by_escape_sequences_of_ours_alone():
    written = stream()
    rewrite_line(written, "5/20 \x1b[2J")
    assert written.buffer.getvalue() == b"\r5/20 ?[2J\x1b[K"
    plain = io.StringIO()
    rewrite_line(plain, "5/20")
    assert plain.getvalue() == "\r5/20\x1b[K"


def test_each_warning_is_a_line(capsys):
    warn("one thing.", "another.")
    assert capsys.readouterr().err == "warning: one thing.\nwarning: another.\n"
