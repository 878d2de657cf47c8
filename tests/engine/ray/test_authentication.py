"""Which token is sent to whom; the cluster's answer is made up."""

import os
from pathlib import Path

import pytest
from ray.exceptions import AuthenticationError

from nas.engine.ray import authentication
from nas.engine.ray.authentication import MODE, TOKEN, TOKEN_FILE, use_known_token, use_own_token
from search_spaces.errors import ConfigError

ADDRESS = "127.0.0.1:6379"


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user without a token; the environment is as before afterwards, and Ray has read it again."""
    before = dict(os.environ)
    for name in (MODE, TOKEN, TOKEN_FILE):
        os.environ.pop(name, None)
    os.environ["HOME"] = str(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)
    authentication._read_again()


@pytest.fixture
def cluster(monkeypatch):
    """Makes a cluster that takes no token (None) or the given one; the modes and tokens that it was asked with."""
    asked = []

    def demanding(token):
        def connect(address):
            sent = None
            if os.environ.get(MODE) == "token":
                sent = os.environ.get(TOKEN) or Path(os.environ.get(TOKEN_FILE) or default_file()).read_text()
            asked.append(sent)
            if token is not None and sent != token:
                raise AuthenticationError("InvalidAuthToken")

        monkeypatch.setattr(authentication, "GcsClient", connect)
        return asked

    return demanding


def default_file():
    return os.path.expanduser(authentication.DEFAULT_FILE)


def write_token(path, text="secret"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_cluster_of_one_s_own_has_a_fresh_token_and_leaves_no_file(nobody):
    use_own_token()
    first = os.environ[TOKEN]
    use_own_token()
    assert os.environ[MODE] == "token"
    assert len({first, os.environ[TOKEN]}) == 2
    assert list(nobody.iterdir()) == []


def test_a_cluster_of_one_s_own_without_tokens_where_the_user_says_so():
    os.environ[MODE] = "disabled"
    use_own_token()
    assert os.environ[MODE] == "disabled"
    assert TOKEN not in os.environ


def test_an_open_cluster_is_sent_no_token_though_there_is_one(nobody, cluster):
    write_token(nobody / ".ray" / "auth_token")
    asked = cluster(None)
    use_known_token(ADDRESS)
    assert MODE not in os.environ
    assert set(asked) == {None}


@pytest.mark.parametrize("where", ["default file", "named file", "environment"])
def test_a_token_is_sent_where_one_is_demanded(nobody, cluster, where):
    if where == "default file":
        write_token(nobody / ".ray" / "auth_token")
    elif where == "named file":
        os.environ[TOKEN_FILE] = str(write_token(nobody / "mine"))
    else:
        os.environ[TOKEN] = "secret"
    asked = cluster("secret")
    use_known_token(ADDRESS)
    assert os.environ[MODE] == "token"
    assert asked[-1] == "secret"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "There is none here; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file"),
        ({MODE: "token"}, "There is none here"),
        ({TOKEN: "wrong"}, "That of RAY_AUTH_TOKEN is not right"),
        ({MODE: "disabled", TOKEN: "secret"}, "None was sent, since RAY_AUTH_MODE is disabled"),
        ({TOKEN_FILE: "/not/there"}, "There is none here"),
    ],
)
def test_a_refusal_names_what_helps(cluster, variables, sentence):
    os.environ.update(variables)
    cluster("secret")
    with pytest.raises(ConfigError, match=sentence) as raised:
        use_known_token(ADDRESS)
    assert ADDRESS in str(raised.value)
    assert authentication.DEFAULT_FILE in str(raised.value)


def test_what_else_is_wrong_ray_says_itself(monkeypatch):
    def connect(address):
        raise ConnectionError("no answer")

    monkeypatch.setattr(authentication, "GcsClient", connect)
    use_known_token(ADDRESS)
