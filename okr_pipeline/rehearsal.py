"""Everything against stand-ins: the sandbox's, and those of a project's own connectors, with the clock stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from okr_pipeline import clock
from okr_pipeline.connectors.own import own_folder
from okr_pipeline.errors import ConfigError


@contextmanager
def rehearsal(config: Path, home: Path, last: date | None, zone: str) -> Iterator[dict[str, str]]:
    """The stand-ins, and the environment variables that lead to them. It is the night after `last`, or after the demo's day,
    in `zone`, unless OKR_NOW says otherwise."""
    try:
        from okr_pipeline.sandbox import DEMO_DAY, running
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the sandbox needs {error.name}; install it with `pip install 'okr-pipeline[sandbox]'`"
        ) from None
    if not os.environ.get("OKR_NOW"):
        os.environ["OKR_NOW"] = clock.night_after(last or DEMO_DAY, zone).isoformat()
    with running(home, own_folder(config)) as environment:
        yield environment
