"""Promises about secrets: in no message, note, log or store; not even where one was put in the wrong place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from okr_pipeline.config.resolved import Table
from okr_pipeline.connectors.kit import answers
from okr_pipeline.connectors.kit.outcome import tried
from okr_pipeline.connectors.kit.promise import Broken, NotApplicable, promise
from okr_pipeline.connectors.kit.refusals import since, status
from okr_pipeline.connectors.kit.subject import Subject
from okr_pipeline.errors import OkrError, SourceRejected
from okr_pipeline.ingest import ingest
from okr_pipeline.warehouse import Warehouse

PASTED = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


@promise("A wrong or misplaced credential is SourceRejected, says what to do, and is not repeated.")
def wrong_credential(subject: Subject) -> str:
    """Each setting that holds a credential is replaced: by another secret, and by a key where its file belongs."""
    told = []
    for name, top, wrong, changed in _wrong(subject.connector.settings.model_dump(by_alias=True, exclude_unset=True)):
        subject.secrets.texts |= {line for line in wrong.splitlines() if "KEY" not in line}
        with suppress(ValidationError):  # refused before any request
            outcome = tried(subject, subject.streams[0], **{top: changed})
            if not isinstance(outcome.error, SourceRejected):
                raise Broken(f"a wrong `{name}` gave {type(outcome.error).__name__}: {outcome.error or 'rows'}")
            told.append(f"{name}: {outcome.error}")
    if not told:
        raise NotApplicable("no setting holds a credential")
    return "; ".join(told)


def _wrong(settings: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """(place, field, wrong credential, the field's value with it) for each credential in the settings."""
    for top, given in settings.items():
        for place, value in answers.leaves(given):
            if isinstance(value, SecretStr):
                wrong = _other(value.get_secret_value())
                if wrong == value.get_secret_value():
                    continue  # none, or a URL without a password
            elif isinstance(value, str) and top == "credentials":
                wrong = PASTED
            else:
                continue
            changed: Any = deepcopy(given) if place else wrong
            if place:
                answers.put(changed, place, wrong)
            yield ".".join(map(str, (top, *place))), top, wrong, changed


def _other(secret: str) -> str:
    """As long as the right one, of the same form, and another; of a URL the password."""
    turned = secret.translate(str.maketrans("0123456789abcdef", "1032547698badcfe"))
    if "://" not in secret:
        return turned[:-4] + secret[-4:]  # an ending may say where the source is
    password = urlsplit(secret).password
    return secret.replace(f":{password}@", ":wr0ng-passw0rd@") if password else secret


@promise("No secret is in what a night stores: rows, notes and messages.")
def store(subject: Subject) -> str:
    """A warehouse after a pull that worked and one that failed, byte by byte."""
    if not [*subject.secrets]:
        raise NotApplicable("the configuration holds no secret")
    stream = subject.streams[0]
    whole = subject.window_of(stream)
    name = f"{subject.connector.name}_{stream.name}".replace("-", "_")
    with tempfile.TemporaryDirectory(prefix="okr-kit-") as folder:
        warehouse = Warehouse(Path(folder))
        ingest(
            warehouse, Table(name, subject.changed(), stream, "the contract kit"), whole.first, whole.last, whole.first
        )
        with suppress(NotApplicable, OkrError):
            failing: dict[str, Any] = {"endpoint": subject.detour}
            refusing = status(401, subject.secrets.sent)
            table = Table(name, subject.changed(**failing), stream, "the contract kit")
            with subject.proxy.faulty(since(0, refusing)):
                ingest(warehouse, table, whole.first, whole.last, whole.first)
        written = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
        with warehouse.open() as connection:
            ledger = str(connection.execute("SELECT message, notes FROM ledger.loads").fetchall())
    if subject.secrets.told_in(ledger) or subject.secrets.told_in(written.decode("utf-8", "replace")):
        raise Broken(f"{stream.name}: a secret is in the warehouse")
    return f"{len([*subject.secrets])} secrets looked for in {len(written):,} bytes"
