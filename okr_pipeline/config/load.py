"""Reads and validates `okr_config/`: all files, all mistakes in one go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from okr_pipeline import connectors
from okr_pipeline.config import formula
from okr_pipeline.config.models import KeyResultYaml, MetricYaml, ObjectiveYaml, OrganisationYaml, PartYaml
from okr_pipeline.config.resolved import Config, KeyResult, Metric, Objective, Part, Table
from okr_pipeline.config.source import Path_, Problems, Source, read, suggestion
from okr_pipeline.errors import ConfigError


def load(directory: Path, environment: Mapping[str, str], *, unset_is_wrong: bool = True) -> Config:
    """The configuration in `directory`, with `${NAME}` looked up in `environment`.

    A variable that is not set is a mistake, or (for readers that open no source) kept in `Table.unset` for when the
    source is asked. Raises ConfigError with every mistake as `file:line: field: what is wrong; what would be right`.
    """
    if not (directory / "okr.yaml").is_file():
        raise ConfigError(f"{directory}/okr.yaml does not exist; name the configuration's folder with --config")
    return _Loading(directory, environment, unset_is_wrong).config()


class _Loading:
    def __init__(self, directory: Path, environment: Mapping[str, str], unset_is_wrong: bool) -> None:
        self.directory = directory
        self.environment = environment
        self.unset_is_wrong = unset_is_wrong
        self.problems = Problems()
        self.written: dict[str, Any] = {}  # what each name's definition says, for the hashes

    def config(self) -> Config:
        organisation = self._organisation()
        tables = {table.name: table for table in self._tables()}
        views = {view.name: view for view in self._views(tables)}
        metrics = {metric.id: metric for metric in self._metrics(tables, views)}
        objectives = tuple(self._objectives(organisation, metrics)) if organisation else ()
        if not objectives:
            self.problems.add(
                f"{self.directory}/objectives", "there is no objective to score; add a file objectives/<name>.yaml"
            )
        self.problems.stop_if_any()
        assert organisation is not None  # noqa: S101 - else it stopped above
        return Config(self.directory, organisation, tables, views, metrics, objectives, _hash(self.written))

    def _files(self, folder: str) -> Iterator[Source]:
        for path in sorted((self.directory / folder).glob("*.y*ml")):
            if source := read(path, f"{self.directory.name}/{folder}/{path.name}", self.problems):
                yield source

    def _organisation(self) -> OrganisationYaml | None:
        source = read(self.directory / "okr.yaml", f"{self.directory.name}/okr.yaml", self.problems)
        if source is None:
            return None
        self.written["organisation"] = source.data
        return source.validate(OrganisationYaml, source.data, self.problems)

    def _tables(self) -> Iterator[Table]:
        for source in self._files("connectors"):
            name = Path(source.path).stem
            kind = source.data.get("connector")
            try:
                cls = connectors.connector_class(str(kind))
            except KeyError:
                message = f"there is no connector `{kind}`; {suggestion(str(kind), connectors.names())}"
                self.problems.add(source.place(("connector",)), message)
                continue
            data, unset = source.resolve(self.environment)
            if self.unset_is_wrong:
                for where, variable in unset:
                    message = f"the environment variable {variable} is not set; set it, or try the tool with --sandbox"
                    self.problems.add(source.place(where), message)
            settings = source.validate(cls.Settings, data, self.problems)
            if settings is None:
                continue
            self.written[f"connector {name}"] = source.data
            connector = cls(name, settings)
            for stream in connector.streams():
                yield Table(
                    f"{name}_{stream.name}",
                    connector,
                    stream,
                    source.place(("streams", stream.name)),
                    tuple(v for _, v in unset),
                )

    def _views(self, tables: Mapping[str, Table]) -> Iterator[formula.View]:
        known = {name: frozenset(table.stream.schema.names) for name, table in tables.items()}
        for path in sorted((self.directory / "views").glob("*.sql")):
            shown_as = f"{self.directory.name}/views/{path.name}"
            try:
                view = formula.view(path.stem, path.read_text(encoding="utf-8"), known)
            except ValueError as error:
                self.problems.add(f"{shown_as}:1", str(error))
                continue
            if path.stem in tables:
                self.problems.add(f"{shown_as}:1", f"`{path.stem}` is the name of a raw table already; rename the view")
            self.written[f"view {path.stem}"] = view.text
            yield view

    def _metrics(self, tables: Mapping[str, Table], views: Mapping[str, formula.View]) -> Iterator[Metric]:
        for source in self._files("metrics"):
            for name, data in source.data.items():
                here: Path_ = (name,)
                if f"metric {name}" in self.written:
                    self.problems.add(source.place(here), f"there are two metrics `{name}`; rename one")
                inner = source.entry(name)
                written = inner.validate(MetricYaml, data, self.problems)
                self.written[f"metric {name}"] = data
                if written and (metric := self._metric(name, written, inner, tables, views)):
                    yield metric

    def _metric(
        self,
        name: str,
        written: MetricYaml,
        source: Source,
        tables: Mapping[str, Table],
        views: Mapping[str, formula.View],
    ) -> Metric | None:
        named: dict[str, tuple[PartYaml, Path_]] = {key: (part, ("parts", key)) for key, part in written.parts.items()}
        if written.numerator and written.denominator:
            named = {
                "numerator": (written.numerator, ("numerator",)),
                "denominator": (written.denominator, ("denominator",)),
            }
        before = len(self.problems.found)
        parts: list[Part | None] = []
        try:
            value, inline = formula.combination(written.value or "numerator / denominator", list(named))
        except ValueError as error:
            self.problems.add(source.place(("value",)), str(error))
            return None
        for key, (part, where) in named.items():
            try:
                parts.append(
                    self._part(key, formula.aggregate(part.formula), part, where, written, source, tables, views)
                )
            except ValueError as error:
                self.problems.add(source.place((*where, "formula")), str(error))
        for key, aggregate in inline.items():
            parts.append(self._part(key, aggregate, PartYaml(formula=""), ("value",), written, source, tables, views))
        if len(self.problems.found) > before:
            return None
        return Metric(
            name,
            written.title,
            written.unit,
            written.description,
            written.owner,
            tuple(p for p in parts if p),
            value,
            written.stale_after,
            source.place(()),
        )

    def _part(
        self,
        name: str,
        aggregate: formula.Aggregate,
        part: PartYaml,
        where: Path_,
        metric: MetricYaml,
        source: Source,
        tables: Mapping[str, Table],
        views: Mapping[str, formula.View],
    ) -> Part | None:
        """A part with its table or view found and every column known; None with the mistakes added."""

        def wrong(field: str, message: str) -> None:
            own = where if where == ("value",) else (*where, field)
            self.problems.add(
                source.place(own if own in source.lines else ((field,) if (field,) in source.lines else where)), message
            )

        origin = part.from_ or metric.from_
        if origin is None:
            wrong("from", "no table is named; add `from: <table or view>`")
            return None
        if origin in views:
            view = views[origin]
            columns, based_on, day = frozenset(view.columns), view.tables, None
        elif origin in tables:
            columns, based_on, day = (
                frozenset(tables[origin].stream.schema.names),
                (origin,),
                tables[origin].stream.date,
            )
        else:
            wrong("from", f"there is no table or view `{origin}`; {suggestion(origin, [*tables, *views])}")
            return None
        day = part.date or metric.date or day
        if day is None:
            wrong(
                "date", f"`{origin}` has no day of its own; add `date: <column>`, one of: {', '.join(sorted(columns))}"
            )
            return None
        counts_from, used = part.counts_from or metric.counts_from, set(aggregate.columns)
        condition = []
        for text in dict.fromkeys(
            text for text in (metric.where if origin == metric.from_ else None, part.where) if text
        ):
            try:
                sql, read_columns = formula.condition(text)
                condition.append(f"({sql})")
                used |= read_columns
            except ValueError as error:
                wrong("where", str(error))
        for column in sorted({*used, day, *([counts_from] if counts_from else [])} - columns):
            wrong("formula", f"`{origin}` has no column `{column}`; {suggestion(column, columns)}")
        for column in sorted(aggregate.added_up):
            if reason := _not_additive(origin, column, tables, views):
                wrong(
                    "formula", f"`{column}` must not be added up: {reason}; use latest(…), max(…) or count(distinct …)"
                )
        return Part(name, aggregate, origin, day, " AND ".join(condition) or None, counts_from, based_on)

    def _objectives(self, organisation: OrganisationYaml, metrics: Mapping[str, Metric]) -> Iterator[Objective]:
        seen: dict[str, str] = {}
        for source in self._files("objectives"):
            written = source.validate(ObjectiveYaml, source.data, self.problems)
            if written is None:
                continue
            try:
                period = organisation.fiscal_year.period(written.period)
            except ValueError as error:
                self.problems.add(source.place(("period",)), str(error))
                continue
            results = []
            for index, spec in enumerate(written.key_results):
                where: Path_ = ("key_results", index)
                place = source.place(where)
                for name in (spec.id, *([written.id] if index == 0 else [])):
                    if name in seen:
                        self.problems.add(place, f"`{name}` is used already at {seen[name]}; ids are unique")
                    seen[name] = place
                metric = metrics.get(spec.metric)
                if metric is None:
                    if f"metric {spec.metric}" not in self.written:
                        message = f"there is no metric `{spec.metric}`; {suggestion(spec.metric, metrics)}"
                        self.problems.add(source.place((*where, "metric")), message)
                    continue
                for field, message in _wrong_with_metric(spec, metric, period.first, period.last):
                    self.problems.add(source.place((*where, field)), message)
                decides = [
                    source.data["key_results"][index],
                    source.data["period"],
                    self.written["organisation"],
                    self.written[f"metric {metric.id}"],
                    *(self.written.get(f"view {part.source}") for part in metric.parts),
                ]
                results.append(
                    KeyResult(
                        spec,
                        written.id,
                        spec.title or metric.title,
                        spec.owner or written.owner,
                        metric,
                        period,
                        _hash(decides),
                        place,
                    )
                )
            self.written[f"objective {written.id}"] = source.data
            yield Objective(
                written.id,
                written.title,
                written.owner,
                written.team,
                period,
                tuple(results),
                source.place(()),
            )


def _not_additive(
    origin: str, column: str, tables: Mapping[str, Table], views: Mapping[str, formula.View]
) -> str | None:
    """Why a column must not be added up, followed through a view to the streams it is made of."""
    made_of = views[origin].columns.get(column, frozenset()) if origin in views else {(origin, column)}
    reasons = (tables[table].stream.not_additive.get(raw) for table, raw in sorted(made_of))
    return next((reason for reason in reasons if reason), None)


def _wrong_with_metric(spec: KeyResultYaml, metric: Metric, first: Any, last: Any) -> Iterator[tuple[str, str]]:
    """(field, message) of what is wrong with a key result, given its metric and the period's days."""
    percent = metric.unit == "percent"
    amounts = {name: getattr(spec, name) for name in ("baseline", "target", "at_least", "at_most")}
    written = [*amounts.items(), *(("between", bound) for bound in spec.between or ())]
    for name, amount in written:
        if amount is not None and amount.percent != percent:
            shown = f"{amount.value * 100:f}" if amount.percent else f"{amount.value:f}"
            right = (
                f"write `{shown}%`"
                if percent
                else f"write `{shown.rstrip('0').rstrip('.') if '.' in shown else shown}` without %"
            )
            yield name, f"`{metric.id}` is in {metric.unit_name}; {right}"
    if spec.during and not (first <= spec.during.first and spec.during.last <= last):
        yield "during", f"the span {spec.during.first} to {spec.during.last} lies outside the period {first} to {last}"
    if spec.due and not first <= spec.due <= last:
        yield "due", f"{spec.due} lies outside the period {first} to {last}"
    if metric.is_level and (spec.over or spec.alongside):
        yield "over" if spec.over else "alongside", f"`{metric.id}` is a latest value: it has no window; leave this out"


def _hash(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:12]
