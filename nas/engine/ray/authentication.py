"""Ray's tokens: who may use a cluster.

A cluster that is started where a token lies demands it, and a driver that is given an address sends one only when it is
told to (https://docs.ray.io/en/latest/ray-security/token-auth.html). What is set here are environment variables, so it
must be called where those are put back afterwards.
"""

from __future__ import annotations

import os
import secrets

from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
DEFAULT_FILE = "~/.ray/auth_token"


def use_own_token() -> None:
    """A token of its own for a cluster that this process starts: in the environment alone, so no file is left behind.

    ``RAY_AUTH_MODE=disabled`` is respected.
    """
    if os.environ.get(MODE, "").lower() != "disabled":
        os.environ.update({MODE: "token", TOKEN: secrets.token_hex(32)})
    _read_again()


def use_known_token() -> None:
    """Send the token that this user has, if any, to a cluster that is running; a mode that is set is respected."""
    _read_again()
    if MODE not in os.environ and AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
        os.environ[MODE] = "token"
        _read_again()


def advice() -> str:
    """What to look at when a cluster answers and refuses, as a sentence."""
    if os.environ.get(MODE, "").lower() != "token":
        sent = "no token was sent"
    elif os.environ.get(TOKEN):
        sent = f"the token of {TOKEN} was sent"
    else:
        sent = f"the token of {os.environ.get(TOKEN_FILE) or DEFAULT_FILE} was sent"
    return (
        f"{sent}; if the cluster demands another, set {TOKEN_FILE} to the file that holds it (on the cluster's head "
        f"{DEFAULT_FILE}) and {MODE}=token."
    )


def _read_again() -> None:
    """Ray reads the environment once; read it again."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
