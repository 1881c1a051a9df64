"""How a caller shows a JSON API who it is: headers that never change, or an OAuth2 token that is asked for and renewed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP basic authentication (RFC 7617), in UTF-8."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class ClientCredentials:
    """OAuth2's client credentials grant (RFC 6749, section 4.4): a token of `token_url` for an id and a secret.

    `in_body` sends the two as form fields, for servers that do not take them as HTTP basic authentication.
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    in_body: bool = False

    def form(self) -> dict[str, str]:
        """The fields of the request for a token."""
        fields = {"grant_type": "client_credentials", "scope": self.scope}
        if self.in_body:
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return {name: value for name, value in fields.items() if value}

    def headers(self) -> Mapping[str, str]:
        """The headers of the request for a token."""
        return {} if self.in_body else basic(self.client_id, self.client_secret)
