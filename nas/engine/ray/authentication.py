"""Ray's tokens: who may use a cluster.

A cluster that is started where a token lies demands it. A driver that is given an address sends one only when it is
told to, and must not where none is demanded: it then refuses what the cluster tells it. So the cluster is asked first
(https://docs.ray.io/en/latest/ray-security/token-auth.html).

What is set here are environment variables; call it where those are put back afterwards.
"""

from __future__ import annotations

import os
import secrets

from ray._raylet import AuthenticationTokenLoader, Config, GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError, RayError

from search_spaces.errors import ConfigError

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
DEFAULT_FILE = "~/.ray/auth_token"


def use_own_token() -> None:
    """A token of its own for a cluster that this process starts: in the environment alone, so no file is left behind.

    ``RAY_AUTH_MODE=disabled`` is respected.
    """
    if os.environ.get(MODE, "").lower() != "disabled":
        os.environ.update({MODE: "token", TOKEN: secrets.token_hex(32)})
    _read_again()


def use_known_token(address: str) -> None:
    """Send the token that this user has to a running cluster that demands one; a mode that is set is respected.

    Raises:
        ConfigError: the cluster demands another token, or this user has none.
    """
    _read_again()
    if _is_refused(address) and MODE not in os.environ and _has_token():
        os.environ[MODE] = "token"
        _read_again()
    if _is_refused(address):
        raise ConfigError(f"runner address {address} is a cluster that demands a token. {_advice()}")


def _is_refused(address: str) -> bool:
    if os.environ.get(MODE, "").lower() == "token" and not _has_token():
        return True  # Ray's client would end the process
    try:
        GcsClient(address=address)
    except AuthenticationError:
        return True
    except Exception:  # whatever else is wrong, Ray says when it connects
        return False
    return False


def _advice() -> str:
    """What was tried and what to do, in sentences."""
    if not _has_token():
        tried = "There is none here"
    elif os.environ.get(MODE, "").lower() != "token":
        tried = f"None was sent, since {MODE} is {os.environ.get(MODE)}"
    else:
        tried = f"That of {TOKEN if os.environ.get(TOKEN) else os.environ.get(TOKEN_FILE) or DEFAULT_FILE} is not right"
    where = f"a file that holds the token ({DEFAULT_FILE} on the cluster's head)"
    return f"{tried}; set {MODE}=token, and {TOKEN_FILE} to {where}."


def _has_token() -> bool:
    try:
        return bool(AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True))
    except RayError:  # the file that the environment names cannot be read
        return False


def _read_again() -> None:
    """Ray reads the environment once; read it again."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
