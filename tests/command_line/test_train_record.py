"""What must stay the same in a training, and what is said when it does not."""

import os
from types import SimpleNamespace

import pytest

from nas.command_line.train_record import AnnotationWatch, check_same
from search_spaces.errors import ConfigError, DataError

BEGUN = {"protocol": {"batch": 4, "augment": {"flip": 0.5}}, "seed": 0, "detector": "x", "data": ["a", "b", ["c"]]}


def test_a_training_goes_on_with_what_it_began_with():
    check_same(BEGUN, {**BEGUN})
    for changed, words in (
        ({"seed": 1}, "resume=true: seed is not what the training began with"),
        ({"protocol": {"batch": 4, "augment": {"flip": 0.0}}}, r"resume=true: protocol\.augment is not"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_same(BEGUN, {**BEGUN, **changed})
    with pytest.raises(DataError, match="the data set is not the one that this training began with"):
        check_same(BEGUN, {**BEGUN, "data": ["a", "b", ["c", "d"]]})


def test_an_annotation_file_that_changes_is_named_once(tmp_path, capsys):
    file = tmp_path / "train.json"
    file.write_text("{}")
    own = SimpleNamespace(source=str(file))
    watch = AnnotationWatch(SimpleNamespace(train=own, val=SimpleNamespace(source="in memory")))
    watch.look()
    assert capsys.readouterr().err == ""
    file.write_text("{ }")
    os.utime(file, ns=(1, 1))
    for _ in range(2):
        watch.look()
    error = capsys.readouterr().err
    assert error.count("was changed since the training began; it goes on with what it read then") == 1
    assert str(file) in error
