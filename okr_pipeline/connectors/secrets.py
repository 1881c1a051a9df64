"""What must never be told: the secrets in a connector's settings, and those that it was seen to send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

SHORTEST = 6  # characters; a shorter secret would be found everywhere
CARRIED_IN = ("authorization", "api-key", "apikey", "token", "secret", "password")


@dataclass
class Secrets:
    """Texts that must be in no message, note, log or store."""

    texts: set[str] = field(default_factory=set)
    sent: str = "s3cret-key"  # the last that was seen; a source may repeat this one

    @classmethod
    def of(cls, settings: BaseModel) -> Self:
        """The secrets of a YAML file: its SecretStr fields, passwords in URLs, and the private key in a file it names."""
        found = cls()
        for value in _values(settings):
            if isinstance(value, SecretStr):
                found._add_text(value.get_secret_value())
            elif isinstance(value, str) and value.endswith(".json") and Path(value).is_file():
                found._add_key(Path(value))
        return found

    def seen(self, headers: dict[str, str]) -> None:
        """Adds what a request carried in headers that are made for secrets."""
        for name, value in headers.items():
            if any(word in name.lower() for word in CARRIED_IN):
                kind, _, rest = value.partition(" ")
                token = rest or kind
                if kind.lower() == "basic":
                    self._add(token)
                    token = base64.b64decode(token).decode("utf-8", "replace").partition(":")[2]
                self._add(token)
                self.sent = token or self.sent

    def told_in(self, text: str) -> bool:
        """Whether one of them is in a text."""
        return any(secret in text for secret in self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.texts))

    def _add_text(self, value: str) -> None:
        """A secret; of a URL only the password and the values of its query are."""
        if "://" not in value:
            self._add(value)
            return
        parts = urlsplit(value)
        for secret in (parts.password or "", *(pair.partition("=")[2] for pair in parts.query.split("&"))):
            self._add(secret)
            self._add(unquote(secret))

    def _add_key(self, path: Path) -> None:
        try:
            key = json.loads(path.read_text(encoding="utf-8"))["private_key"]
        except (ValueError, KeyError, TypeError, OSError):
            return
        for line in str(key).splitlines()[1:-1]:
            self._add(line)

    def _add(self, secret: str) -> None:
        if len(secret) >= SHORTEST:
            self.texts |= {secret, quote(secret, safe="")}


def _values(value: Any) -> Iterator[Any]:
    """The leaves of settings within settings."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        for item in value.values():
            yield from _values(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _values(item)
    else:
        yield value
