"""A Google service account: its JSON key, an access token for it, and what it means when there is none."""

from __future__ import annotations

from typing import Any

from okr_pipeline.connectors.http import brief, in_time
from okr_pipeline.errors import OkrError, SourceRejected, SourceUnavailable

NEW_KEY = "Make a new key for the service account and put it where `credentials` points."


def key(name: str, path: str, scope: str) -> Any:
    """The account (google.oauth2.service_account.Credentials) of the key file at `path`; SourceRejected if it is none."""
    from google.oauth2 import service_account

    file = f"{name}: the service account's key file that `credentials` names"
    try:
        return service_account.Credentials.from_service_account_file(path, scopes=[scope])
    except OSError:  # the value stays unsaid: a key pasted in place of its path would be told to everybody
        raise SourceRejected(f"{file} cannot be read. Give the path of the JSON key, not the key itself.") from None
    except (ValueError, TypeError, AttributeError):
        raise SourceRejected(f"{file} is not a service account's JSON key. Download a new one.") from None


def token(name: str, path: str, scope: str, within: float) -> str:
    """An access token of the account's token endpoint, good for an hour. Raises SourceUnavailable or SourceRejected."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    account = key(name, path, scope)
    try:
        in_time(name, "Google's token endpoint", within, lambda: account.refresh(Request()))
    except GoogleAuthError as error:
        raise no_token(name, error) from None
    return str(account.token)


def no_token(name: str, error: Any) -> OkrError:
    """What a GoogleAuthError of asking for a token means."""
    from google.auth.exceptions import TransportError

    said = brief(str(error.args[0])) if error.args else type(error).__name__
    if isinstance(error, TransportError) or error.retryable:
        return SourceUnavailable(f"{name}: no access token could be had ({said}). Try again later.")
    return SourceRejected(f"{name}: Google gave no access token ({said}). {NEW_KEY}")
