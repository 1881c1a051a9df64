"""The kit itself: a connector written in a hurry breaks the promises that it should, and each is told with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import ClassVar

import httpx
import pyarrow as pa
import pytest
from pydantic import SecretStr
from stage import stage

from okr_pipeline.connectors.contract import Connector, Said, Stream, Window
from okr_pipeline.connectors.kit import PROMISES, Finding, Subject, Verdict
from okr_pipeline.connectors.kit.proxy import FaultProxy
from okr_pipeline.connectors.own import own_folder, stand_ins
from okr_pipeline.connectors.secrets import Secrets
from okr_pipeline.connectors.settings import Settings
from okr_pipeline.connectors.skeleton import write

VISITS = Stream(
    "visits",
    pa.schema([pa.field("day", pa.date32(), False), pa.field("page", pa.string(), False), ("visits", pa.int64())]),
    ("day", "page"),
    "day",
    "Visits per day and page.",
)


class HastySettings(Settings):
    endpoint: str
    api_key: SecretStr
    page_size: int = 50


class Hasty(Connector):
    """As one writes it in ten minutes: a status is not looked at, what is missing is 0, redirects are followed."""

    Settings: ClassVar[type[Settings]] = HastySettings

    def streams(self) -> list[Stream]:
        return [VISITS]

    def pull(self, stream: Stream, window: Window, said: Said) -> Iterator[pa.RecordBatch]:
        key, asked = self.settings.api_key.get_secret_value(), {"from": str(window.first), "to": str(window.last)}
        headers = {"Authorization": f"Bearer {key}", "X-Api-Key": key}
        found = []
        while True:
            page = {"limit": self.settings.page_size, "offset": len(found)}
            url = f"{self.settings.endpoint}/v1/visits"
            answer = httpx.get(url, params={**asked, **page}, headers=headers, follow_redirects=True)
            if not (rows := answer.json()["rows"]):
                break
            found += rows
        rows = [
            {
                "day": date.fromisoformat(row.get("date") or "1970-01-01"),
                "page": row.get("page") or "",
                "visits": int(row["counts"].get("visits") or 0),
            }
            for row in found
        ]
        yield pa.RecordBatch.from_pylist(rows, stream.schema)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Finding]]:
    """What is found with it, by promise."""
    config = tmp_path_factory.mktemp("project") / "okr_config"
    write("hasty", config, [])
    with pytest.MonkeyPatch.context() as patch, stand_ins(own_folder(config)) as variables:
        patch.setenv("OKR_NOW", "2026-11-16T05:00:00+07:00")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        settings = {
            "endpoint": variables["HASTY_ENDPOINT"],
            "api_key": variables["HASTY_API_KEY"],
            "connector": "hasty",
        }
        hasty = Hasty("hasty", HastySettings.model_validate(settings))
        with Subject(hasty, Window(date(2026, 11, 2), date(2026, 11, 8))) as subject:
            yield {each.name: each.examine(subject) for each in PROMISES if each.name != "slow-drip"}


KEPT = {
    *(
        "declaration",
        "schema",
        "said",
        "window",
        "again",
        "order",
        "pages",
        "idempotent",
        "dropped-row",
        "days-told-apart",
    ),
    *("slow-answer", "content-type", "unknown-field", "numbers-as-strings", "store"),
}
NOT_APPLICABLE = {"time-zone", "bounded-memory"}


def test_what_a_hasty_connector_keeps_is_told_as_kept(found: dict[str, Finding]) -> None:
    verdicts = {verdict: {name for name, each in found.items() if each.verdict is verdict} for verdict in Verdict}
    assert verdicts[Verdict.kept] == KEPT
    assert verdicts[Verdict.not_applicable] == NOT_APPLICABLE
    assert verdicts[Verdict.broken] == {*found} - KEPT - NOT_APPLICABLE


@pytest.mark.parametrize(
    ("promise", "evidence"),
    [
        ("status-401", "KeyError comes through as it is: 'rows'"),
        ("nobody-there", "ConnectError comes through as it is"),
        ("reset", "comes through as it is"),
        ("truncated", "JSONDecodeError comes through as it is"),
        ("missing-field", "date is missing in one row, and day became datetime.date(1970, 1, 1)"),
        ("null-field", "date is None in one row, and day became datetime.date(1970, 1, 1)"),
        ("repeated-page", "requests instead of"),
        ("redirect", "request 1 was sent on to another host with a credential"),
        ("wrong-credential", "KeyError"),
    ],
)
def test_what_it_breaks_is_told_with_the_evidence(found: dict[str, Finding], promise: str, evidence: str) -> None:
    assert evidence in found[promise].evidence


def test_whoever_asks_the_same_again_gets_what_came_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with stage() as source, FaultProxy(source.url, Secrets()) as proxy:
        source.answer("running", "done")
        answers = {}
        for name, fault in (("usual", None), ("with a fault", lambda _, answer: answer)):
            with proxy.faulty(fault):
                answers[name] = [httpx.get(proxy.url).json() for _ in range(2 if fault is None else 3)]
    assert answers == {"usual": ["running", "done"], "with a fault": ["running", "done", "done"]}
    assert len(source.asked) == 2
