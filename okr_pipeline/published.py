"""Reading what the last night published: the snapshot, and the scores in it for notebooks and spreadsheets."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from okr_pipeline.errors import ConfigError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


@contextmanager
def opened(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """`<home>/published/okr.duckdb`, for reading.

    Raises ConfigError when nothing is published there, or what is there is no snapshot, or not one of this version.
    """
    import duckdb

    snapshot = home / "published" / "okr.duckdb"
    if not snapshot.exists():
        raise ConfigError(f"{snapshot} does not exist yet; `okr run` makes it (try `okr run --sandbox`)")
    again = "`okr run` publishes it anew"
    try:
        connection = duckdb.connect(snapshot, read_only=True)
    except duckdb.Error as error:
        raise ConfigError(f"{snapshot} cannot be read ({_first_line(error)}); {again}") from None
    try:
        yield connection
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        why = f"lacks something that this version of okr-pipeline reads ({_first_line(error)})"
        raise ConfigError(f"{snapshot} {why}; {again}") from None
    finally:
        connection.close()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def scored_day(connection: duckdb.DuckDBPyConnection, as_of: date | None, known_at: datetime | None) -> date:
    """The day asked for, or the last one scored by then; one that is not scored does not borrow another day's answer.

    Raises ConfigError when it is not scored.
    """
    from okr_pipeline.report import utc
    from okr_pipeline.scoring import days_scored

    by_now, by_then = days_scored(connection), days_scored(connection, utc(known_at))
    if by_now is None:
        raise ConfigError("nothing is scored yet; `okr run` does it")
    first, last = by_then or by_now
    day = as_of or last
    if not first <= day <= last:
        when = f"was not scored yet at {known_at}" if first <= day <= by_now[1] else "is not scored"
        later = (
            f", or `okr run --date {day}` first" if day > by_now[1] else ""
        )  # a night scores no day before its period
        raise ConfigError(f"{day} {when}; name a day from {first} to {last}{later}")
    return day


def scores(home: str | Path | None = None, as_of: date | None = None, known_at: datetime | None = None) -> pd.DataFrame:
    """One row a key result, as of a day (default: the last scored), as it was known at an instant (default: now; UTC).

    Columns are those of `scores.key_results`; percentages are fractions. `home` is `okr`'s own: default `OKR_HOME` or
    `.okr`. Raises ConfigError when nothing is published there, or the day is not scored.
    """
    from okr_pipeline.report import scores_table

    with opened(Path(home or os.environ.get("OKR_HOME", ".okr"))) as connection:
        frame: pd.DataFrame = scores_table(connection, scored_day(connection, as_of, known_at), known_at).to_pandas()
    return frame


def figures(connection: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, bytes]:
    """The scores as of a day as `scores.csv`, `scores.parquet` and `scores.json`: what is in each file, by its name."""
    import pyarrow.parquet

    from okr_pipeline.report import scores_csv, scores_json, scores_table

    parquet = io.BytesIO()
    pyarrow.parquet.write_table(scores_table(connection, as_of, None), parquet)
    return {
        "scores.json": scores_json(connection, as_of, None).encode(),
        "scores.csv": scores_csv(connection, as_of, None).encode(),
        "scores.parquet": parquet.getvalue(),
    }
