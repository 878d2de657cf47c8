"""Names and values of other people's files in sentences."""

import pytest

from nas.datasets.quoting import LONGEST_NAME, LONGEST_VALUE, shown_name, shown_value


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b.png", "a b.png"),
        ("画像.png", "画像.png"),
        ("caf\udce9.png", r"caf\udce9.png"),
        ("a\nb\t\0", r"a\nb\t\x00"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_a_name_is_printable(name: str, shown: str) -> None:
    assert shown_name(name) == shown
    shown_name(name).encode()


def test_a_long_name_keeps_its_ends() -> None:
    shown = shown_name("start" + "x" * 5000 + ".png")
    assert shown.startswith("startx")
    assert shown.endswith("x.png")
    assert len(shown) <= LONGEST_NAME


def test_values() -> None:
    assert shown_value("a\udce9\n") == r"'a\udce9\n'"
    assert shown_value([1, 2.5]) == "[1, 2.5]"
    assert len(shown_value(10**400)) == LONGEST_VALUE
    assert shown_value(10**5000) == "a value of type int that is too long to show"
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown_value(deep) == "a value of type list that is too long to show"
