"""The contract as a pytest class. Third parties subclass it; each promise is a test.

    import pytest
    from okr_pipeline.connectors.kit.testing import ConnectorContract

    class TestPlausible(ConnectorContract):
        not_applicable = {"time-zone"}               # promises that say nothing about this source; any other must hold

        @pytest.fixture(scope="class")
        @classmethod
        def connector(cls):
            with my_stand_in() as address:           # or the live source
                settings = PlausibleSettings(connector="plausible", endpoint=address, api_key="…", timezone="UTC")
                yield Plausible("plausible", settings)

The stand-in or source should have settled days with rows among the last four weeks (or the last year); `window` names
others. For a source that is not asked over HTTP, `not_applicable = OVER_HTTP | {…}` (of `okr_pipeline.connectors.kit`).
The setting `endpoint` leads an HTTP connector through the kit's fault proxy; `page_size` lets its pages be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from okr_pipeline.connectors.contract import Connector, Window
from okr_pipeline.connectors.kit import PROMISES, Promise, Subject, Verdict


class ConnectorContract:
    """Every promise as a test, against the fixture `connector`, which a subclass must define with the scope "class".

    `window`: days that have rows and are settled; looked for where it is None. `not_applicable`: names of promises that
    say nothing about this source. One that turns out not to apply and is not named fails, and one that is named and does
    apply fails too, so that nothing goes unchecked unseen.
    """

    window: ClassVar[Window | None] = None
    not_applicable: ClassVar[frozenset[str] | set[str]] = frozenset()

    @pytest.fixture(scope="class")
    @classmethod
    def connector(cls) -> Connector:
        """The configured connector."""
        raise NotImplementedError("define the fixture `connector` with the scope 'class': it gives your connector")

    @pytest.fixture(scope="class")
    @classmethod
    def many(cls) -> Connector | None:
        """The connector over a stand-in with a million rows or 80 MB of them, for the promise `bounded-memory`; or None."""
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, connector: Connector, many: Connector | None) -> Iterator[Subject]:
        """What the promises are checked on."""
        with Subject(connector, cls.window, many) as made:
            yield made

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
    def test_promise(self, promise: Promise, subject: Subject) -> None:
        """One promise."""
        found = promise.examine(subject)
        if found.verdict is Verdict.not_applicable:
            if promise.name in self.not_applicable:
                pytest.skip(found.evidence)
            pytest.fail(f"{found.evidence}. If that is right, name {promise.name} in `not_applicable`.")
        if found.verdict is Verdict.broken:
            pytest.fail(f"{promise.sentence}\n{found.evidence}", pytrace=False)
        if promise.name in self.not_applicable:
            pytest.fail(f"{promise.name} does apply, and is kept: take it out of `not_applicable`.")
