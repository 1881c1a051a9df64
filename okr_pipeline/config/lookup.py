"""Metrics with their tables, views and columns looked up, and sums that make no sense refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from okr_pipeline.config import checkins, formula
from okr_pipeline.config.kinds import Kind, kinds_in_view, kinds_of, wrong_comparison, wrong_condition
from okr_pipeline.config.models import MetricYaml, PartYaml
from okr_pipeline.config.resolved import Metric, Part, Table
from okr_pipeline.config.source import Path_, Problems, Source, suggestion


@dataclass(frozen=True)
class Lookup:
    """What a metric may name; mistakes are added to `problems`."""

    tables: Mapping[str, Table]
    views: Mapping[str, formula.View]
    problems: Problems
    excused: Callable[[str], bool]  # whether a table or view is missing because of a mistake told already

    def metric(self, name: str, written: MetricYaml, source: Source) -> Metric | None:
        """The metric, or None with every mistake in it added."""
        named: dict[str, tuple[PartYaml, Path_]] = {key: (part, ("parts", key)) for key, part in written.parts.items()}
        for key in ("numerator", "denominator"):
            if part := getattr(written, key):
                named[key] = (part, (key,))
        before = len(self.problems.found)
        try:
            value, inline = formula.combination(written.value or "numerator / denominator", list(named))
        except ValueError as error:
            self.problems.add(source.place(("value",)), str(error))
            return None
        parts = []
        for key, (part, where) in named.items():
            try:
                aggregate = formula.aggregate(part.formula)
            except ValueError as error:
                self.problems.add(source.place((*where, "formula")), str(error))
                continue
            parts.append(self._part(name, key, aggregate, part, where, written, source))
        for key, aggregate in inline.items():
            parts.append(self._part(name, key, aggregate, PartYaml(formula=""), ("value",), written, source))
        if len(self.problems.found) > before or None in parts:
            return None
        return Metric(
            id=name,
            title=written.title,
            unit=written.unit,
            description=written.description,
            owner=written.owner,
            parts=tuple(part for part in parts if part),
            value=value,
            stale_after=written.stale_after,
            bounds=written.bounds,
            place=source.place(()),
        )

    def _part(
        self,
        metric_id: str,
        name: str,
        aggregate: formula.Aggregate,
        part: PartYaml,
        where: Path_,
        metric: MetricYaml,
        source: Source,
    ) -> Part | None:
        def wrong(field: str, message: str) -> None:
            """At the part's own field, else the metric's, else the part."""
            places: list[Path_] = [(*where, field), (field,), where]
            self.problems.add(source.place(next((place for place in places if place in source.lines), where)), message)

        origin = part.from_ or metric.from_
        if origin is None:
            wrong("from", "no table is named; add `from: <table or view>`")
            return None
        if origin not in self.views and origin not in self.tables and origin != checkins.TABLE:
            if self.excused(origin):
                return None
            known = [*self.tables, *self.views, checkins.TABLE]
            wrong("from", f"there is no table or view `{origin}`; {suggestion(origin, known)}")
            return None
        columns, based_on, own_day = self._columns(origin)
        # What the metric says of its own table holds for the parts that read that table.
        shared = metric if origin == metric.from_ else None
        day = part.date or (shared and shared.date) or own_day
        counts_from = part.counts_from or (shared and shared.counts_from) or None
        if day is None:
            listed = ", ".join(sorted(columns))
            wrong("date", f"`{origin}` has no day of its own; add `date: <column>`, one of: {listed}")
            return None
        conditions, used = [f"(\"metric\" = '{metric_id}')"] if origin == checkins.TABLE else [], set(aggregate.columns)
        for text in dict.fromkeys(text for text in (shared and shared.where, part.where) if text):
            try:
                condition, read = formula.condition(text)
            except ValueError as error:
                wrong("where", str(error))
                continue
            conditions.append(f"({condition})")
            used |= read
        named = {"formula": used, "date": {day}, "counts_from": {counts_from} if counts_from else set()}
        for field, names in named.items():
            for column in sorted(names - columns):
                wrong(field, f"`{origin}` has no column `{column}`; {suggestion(column, columns)}")
        found = Part(name, aggregate, origin, day, " AND ".join(conditions) or None, counts_from, based_on)
        for field, mistake in self._wrong_kinds(found):
            wrong(field, mistake)
        for column in sorted(aggregate.added_up):
            if reason := self._not_additive(origin, column):
                remedy = "use latest(…), max(…) or count(distinct …)"
                wrong("formula", f"`{column}` must not be added up: {reason}; {remedy}")
        return found

    def _columns(self, origin: str) -> tuple[frozenset[str], tuple[str, ...], str | None]:
        """The columns of a table or view, the raw tables under it, and its day where it has one of its own."""
        if origin in self.views:
            view = self.views[origin]
            return frozenset(view.columns), view.tables, None
        if origin == checkins.TABLE:
            return frozenset(checkins.SCHEMA.names), (origin,), "day"
        stream = self.tables[origin].stream
        return frozenset(stream.schema.names), (origin,), stream.date

    def _wrong_kinds(self, part: Part) -> Iterator[tuple[str, str]]:
        """(field, message) of what is compared, or taken for a day, and is of another kind."""
        kinds = self._kinds(part.source)
        if part.where and (mistake := wrong_condition(part.where, kinds)):
            yield "where", mistake
        for sql in filter(None, (part.aggregate.value, part.aggregate.item)):
            if mistake := wrong_comparison(sql, kinds):
                yield "formula", mistake
        for field, column in (("date", part.date), ("counts_from", part.counts_from)):
            if kinds.get(column or "", "day") not in {"day", None}:
                days = ", ".join(sorted(name for name, kind in kinds.items() if kind == "day")) or "none"
                yield field, f"`{column}` is a {kinds[column or '']}, not a day; days of `{part.source}` are: {days}"

    def _kinds(self, origin: str) -> dict[str, Kind | None]:
        if origin == checkins.TABLE:
            return kinds_of(checkins.SCHEMA)
        if view := self.views.get(origin):
            return kinds_in_view(view.text, kinds_of(*(self.tables[name].stream.schema for name in view.tables)))
        return kinds_of(self.tables[origin].stream.schema)

    def _not_additive(self, origin: str, column: str) -> str | None:
        """Why a column must not be added up, followed through a view to the streams it is made of."""
        view = self.views.get(origin)
        made_of = view.columns.get(column, frozenset()) if view else {(origin, column)}
        pulled = [(self.tables[table].stream, raw) for table, raw in sorted(made_of) if table in self.tables]
        reasons = (stream.not_additive.get(raw) for stream, raw in pulled)
        return next((reason for reason in reasons if reason), None)
