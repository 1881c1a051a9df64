"""Reads and validates `okr_config/`: all files, all mistakes in one go."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from okr_pipeline import connectors
from okr_pipeline.config import checkins, formula
from okr_pipeline.config.document import document, fingerprint, hash_of, measured_baseline
from okr_pipeline.config.kinds import kinds_of, wrong_comparison
from okr_pipeline.config.lookup import Lookup
from okr_pipeline.config.models import KeyResultYaml, MetricYaml, ObjectiveYaml, OrganisationYaml
from okr_pipeline.config.periods import Period
from okr_pipeline.config.resolved import Config, KeyResult, Metric, Objective, Table
from okr_pipeline.config.source import Problems, Source, read, read_text, suggestion
from okr_pipeline.config.suits import wrong_with_metric
from okr_pipeline.config.tree import arranged
from okr_pipeline.connectors.contract import Connector, Stream
from okr_pipeline.connectors.own import blamed, own_folder
from okr_pipeline.errors import ConfigError


def load(directory: Path, environment: Mapping[str, str], *, unset_is_wrong: bool = True) -> Config:
    """The configuration in `directory`, with `${NAME}` looked up in `environment`.

    A variable that is not set is a mistake, or (for readers that open no source) kept in `Table.unset` for when the
    source is asked. Raises ConfigError with every mistake as `file:line: field: what is wrong; what would be right`.
    """
    if not (directory / "okr.yaml").is_file():
        raise ConfigError(f"{directory}/okr.yaml does not exist; name the configuration's folder with --config")
    return _Loading(directory, environment, unset_is_wrong).config()


def tables(
    directory: Path, environment: Mapping[str, str], *, unset_is_wrong: bool, only: str | None = None
) -> list[Table]:
    """The tables of all connectors or of one; the configuration need not have anything else yet. Raises as `load` does."""
    loading = _Loading(directory, environment, unset_is_wrong)
    found = [*loading.tables(only)]
    loading.problems.stop_if_any()
    return found


def connector(directory: Path, name: str, environment: Mapping[str, str]) -> Connector:
    """One connector, as configured. Raises ConfigError as `load` does, and when there is none of that name."""
    there = sorted(
        path.stem for path in (directory / "connectors").glob("[!.]*") if path.suffix.lower() in {".yaml", ".yml"}
    )
    if name not in there:
        raise ConfigError(
            f"{directory}/connectors/{name}.yaml does not exist; there is {', '.join(there) or 'none'}. "
            f"`okr connector new {name}` writes a working one"
        )
    found = tables(directory, environment, unset_is_wrong=True, only=name)
    if not found:
        raise ConfigError(f"{directory}/connectors/{name}.yaml: has no stream; its connector must give one")
    return found[0].connector


# Columns of raw tables, of their history, and while rows are replaced.
_OWN_COLUMNS = {"_load", "_superseded", "_row", "_staged", "rowid"}
_FOLDERS = ("connectors", "metrics", "objectives", "views")
_TELLS = {"alerts", "language", "repository"}  # how people are told of a score decides nothing about it


@dataclass(frozen=True)
class _Of:
    """What a key result is part of, and may name."""

    objective: ObjectiveYaml
    period: Period
    organisation: OrganisationYaml
    metrics: Mapping[str, Metric]
    views: Mapping[str, formula.View]


class _Loading:
    def __init__(self, directory: Path, environment: Mapping[str, str], unset_is_wrong: bool) -> None:
        self.directory = directory
        self.environment = environment
        self.unset_is_wrong = unset_is_wrong
        self.problems = Problems()
        self.wrong: set[str] = set()  # connectors and views with a mistake of their own
        self.empty: set[str] = set()  # objectives without a key result
        self.written: dict[str, Any] = {}  # what each name's definition says, for the hashes

    def config(self) -> Config:
        """All mistakes in one go; what rests on something that is wrong already is not told again in other words."""
        organisation = self._organisation()
        self._folders()
        tables = {table.name: table for table in self.tables()}
        views = {view.name: view for view in self._views(tables)}
        metrics = {metric.id: metric for metric in self._metrics(tables, views)}
        found = [*self._objectives(organisation, metrics, views)] if organisation else []
        objectives = arranged(found, self.empty, self.problems)
        if not objectives and not self.problems.found:
            place = f"{self.directory.name}/objectives"
            self.problems.add(place, "there is no objective to score; add a file objectives/<name>.yaml")
        self.problems.stop_if_any()
        assert organisation is not None  # noqa: S101 - else it stopped above
        return Config(self.directory, organisation, tables, views, metrics, objectives, hash_of(self.written))

    def _rests_on_a_mistake(self, name: str) -> bool:
        """Whether a table or view is missing because its connector's or its own file has a mistake."""
        return name in self.wrong or any(name.startswith(f"{connector}_") for connector in self.wrong)

    def _files(self, folder: str) -> Iterator[Source]:
        for path in sorted((self.directory / folder).glob("[!.]*")):  # what an editor hides is its own
            named = re.fullmatch(r"(.+\.ya?ml)(\.txt)?", path.name, re.IGNORECASE)
            if named and named[2]:  # Windows hides the second ending
                message = f"is not read, as it ends in {named[2]}; rename it to {named[1]}"
                self.problems.add(f"{self.directory.name}/{folder}/{path.name}:1", message)
                self.wrong |= {Path(named[1]).stem, folder}
            elif not named:
                continue
            elif source := read(path, f"{self.directory.name}/{folder}/{path.name}", self.problems):
                yield source
            else:
                self.wrong |= {path.stem, folder}

    def _named(self, place: str, name: object) -> None:
        """Names become tables, assets and file names."""
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", str(name)):
            self.problems.add(place, f"`{name}` is not a name; use small letters, digits, - and _, a letter first")

    def _folders(self) -> None:
        """A folder whose name is slightly wrong would be a configuration without what is in it."""
        for path in sorted(each for each in self.directory.iterdir() if each.is_dir() and each.name not in _FOLDERS):
            near = difflib.get_close_matches(path.name.lower(), _FOLDERS, n=1, cutoff=0.85)
            if near and not ((known := self.directory / near[0]).exists() and known.samefile(path)):
                self.problems.add(f"{self.directory.name}/{path.name}", f"is not read; rename the folder to {near[0]}")

    def _organisation(self) -> OrganisationYaml | None:
        source = read(self.directory / "okr.yaml", f"{self.directory.name}/okr.yaml", self.problems)
        if source is None:
            return None
        self.written["organisation"] = {name: value for name, value in source.data.items() if name not in _TELLS}
        return source.validate(OrganisationYaml, source.data, self.problems)

    def tables(self, only: str | None = None) -> Iterator[Table]:
        """The tables of all connectors, or of one."""
        own = own_folder(self.directory)
        connectors_at: dict[str, str] = {}
        tables_at: dict[str, str] = {}
        for source in self._files("connectors"):
            name = Path(source.path).stem
            if only not in {None, name}:
                continue
            self._named(f"{source.path}:1", name)
            if (first := connectors_at.setdefault(name, source.path)) != source.path:
                self.problems.add(
                    f"{source.path}:1", f"{first} is the connector `{name}` already; rename one, or remove it"
                )
                continue
            kind = source.data.get("connector")
            try:
                cls = connectors.connector_class(str(kind), own)
            except ConfigError as error:  # in the project's own connectors/
                self.problems.found.append(str(error))
                self.wrong.add(name)
                continue
            except KeyError:
                message = f"there is no connector `{kind}`; {suggestion(str(kind), sorted(connectors.origins(own)))}"
                self.problems.add(source.place(("connector",)), message)
                self.wrong.add(name)
                continue
            data, unset = source.resolve(self.environment)
            for where, text in source.unclear():
                self.problems.add(
                    source.place(where), f"{text} names no environment variable; write ${{NAME}}, or ${{NAME:-default}}"
                )
            if self.unset_is_wrong:
                for where, variable in unset:
                    message = f"the environment variable {variable} is not set; set it, or try the tool with --sandbox"
                    self.problems.add(source.place(where), message)
            settings = source.validate(cls.Settings, self._in_sandbox(cls, str(kind), source, data), self.problems)
            if settings is None:
                self.wrong.add(name)
                continue
            self.written[f"connector {name}"] = source.data
            try:
                connector = cls(name, settings)
                streams = [*connector.streams()]
            except Exception as error:  # noqa: BLE001 - whatever somebody's connector lets through
                self.problems.add(
                    source.place(("connector",)),
                    f"`{kind}` cannot say what it delivers: {blamed(cls, error)}; mend it there",
                )
                self.wrong.add(name)
                continue
            for where, wrong, known in settings.checks.mistakes({each.name: each.schema.names for each in streams}):
                self.problems.add(source.place(("checks", *where)), f"{wrong}; {suggestion(where[-1], known)}")
            for stream in streams:
                table, place = f"{name}_{stream.name}", source.place(("streams", stream.name))
                self._fits(table, stream, source, tables_at)
                yield Table(table, connector, stream, place, tuple(v for _, v in unset))

    def _fits(self, table: str, stream: Stream, source: Source, tables_at: dict[str, str]) -> None:
        """Whether the warehouse can have the table of a stream beside those that it has, and its columns."""
        where = ("streams", stream.name)
        place = source.place(where)
        self._named(place, stream.name)
        if table == "key_results":  # the only name with a `_` among our own tables
            self.problems.add(
                place, "history.key_results is where the past of scores is kept; rename the stream or the file"
            )
        if table in tables_at:
            message = f"its table would be `{table}`, as that of {tables_at[table]} is; rename the stream or the file"
            self.problems.add(place, message)
        tables_at.setdefault(table, place)
        seen: dict[str, str] = {}
        for column in stream.schema.names:
            if column.lower() in _OWN_COLUMNS:
                message = f"`{column}` is a column of the warehouse's own; give this one another name"
                self.problems.add(source.place((*where, "columns", column)), message)
            elif (first := seen.setdefault(column.lower(), column)) != column:
                message = f"`{column}` and `{first}` are one name to the warehouse; rename one"
                self.problems.add(source.place((*where, "columns", column)), message)

    def _in_sandbox(self, cls: type[Connector], kind: str, source: Source, data: dict[str, Any]) -> dict[str, Any]:
        """What a connector's file says; while the sandbox is up, with its stand-in's address, so that no live source is asked."""
        stand_in = self.environment.get(f"{kind.upper()}_ENDPOINT") if self.environment.get("OKR_SANDBOX") else None
        written = str(source.data.get("endpoint", ""))
        has_one = stand_in and "endpoint" in cls.Settings.model_fields and "${" not in written
        return {**data, "endpoint": stand_in} if has_one else data

    def _views(self, tables: Mapping[str, Table]) -> Iterator[formula.View]:
        known = {name: frozenset(table.stream.schema.names) for name, table in tables.items()}
        for path in sorted((self.directory / "views").glob("*.sql")):
            shown_as = f"{self.directory.name}/views/{path.name}"
            self._named(f"{shown_as}:1", path.stem)
            text = read_text(path, shown_as, self.problems)
            if text is None:
                self.wrong.add(path.stem)
                continue
            try:
                view = formula.view(path.stem, text, known)
            except ValueError as error:
                if not any(f"{name}_" in text for name in self.wrong):
                    self.problems.add(f"{shown_as}:1", str(error))
                self.wrong.add(path.stem)
                continue
            if path.stem in tables or path.stem == checkins.TABLE:
                self.problems.add(f"{shown_as}:1", f"`{path.stem}` is the name of a raw table already; rename the view")
            if mistake := wrong_comparison(text, kinds_of(*(tables[name].stream.schema for name in view.tables))):
                self.problems.add(f"{shown_as}:1", mistake)
            for table, column in sorted(view.added_up):
                if reason := tables[table].stream.not_additive.get(column):
                    message = f"`{column}` of {table} must not be added up: {reason}; use max(…), or one row a day"
                    self.problems.add(f"{shown_as}:1", message)
            self.written[f"view {path.stem}"] = view.text
            yield view

    def _metrics(self, tables: Mapping[str, Table], views: Mapping[str, formula.View]) -> Iterator[Metric]:
        lookup = Lookup(tables, views, self.problems, self._rests_on_a_mistake)
        for source in self._files("metrics"):
            for name, data in source.data.items():
                self._named(source.place((name,)), name)
                if f"metric {name}" in self.written:
                    self.problems.add(source.place((name,)), f"there are two metrics `{name}`; rename one")
                self.written[f"metric {name}"] = data
                entry = source.at(name)
                written = entry.validate(MetricYaml, data, self.problems)
                if written and (metric := lookup.metric(name, written, entry)):
                    yield metric

    def _objectives(
        self, organisation: OrganisationYaml, metrics: Mapping[str, Metric], views: Mapping[str, formula.View]
    ) -> Iterator[Objective]:
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
                place = source.place(("key_results", index))
                for name in (spec.id, *([written.id] if index == 0 else [])):
                    if name in seen:
                        self.problems.add(place, f"`{name}` is used already at {seen[name]}; ids are unique")
                    seen[name] = place
                of = _Of(written, period, organisation, metrics, views)
                if found := self._key_result(of, source.at("key_results", index), spec):
                    results.append(found)
            self.written[f"objective {written.id}"] = source.data
            if not written.key_results:
                self.empty.add(written.id)
            yield Objective(
                written.id,
                written.title,
                written.owner,
                written.team,
                period,
                written.parent,
                written.weight,
                tuple(results),
                source.place(()),
            )

    def _key_result(self, of: _Of, source: Source, spec: KeyResultYaml) -> KeyResult | None:
        """A key result as its last dated change leaves it, and before each of them; None with every mistake added."""
        found = self._version(of, source, spec, of.period.first)
        for index, change in enumerate(spec.changes):
            where = source.at("changes", index)
            after = found.applies_from if found else of.period.first
            if not after < change.from_ <= of.period.last:
                message = f"{change.from_} is not after {after} and within the period, which ends {of.period.last}"
                self.problems.add(where.place(("from",)), f"{message}; changes stand in the order of their days")
                return None
            if fixed := {"id", "changes"} & set(where.data):
                self.problems.add(where.place(()), f"a change cannot change `{min(fixed)}`; leave it out")
                return None
            changed = source.changed(
                Source(where.path, {k: v for k, v in where.data.items() if k != "from"}, where.lines)
            )
            newer = changed.validate(KeyResultYaml, changed.data, self.problems)
            version = self._version(of, changed, newer, change.from_) if newer else None
            if version is None or found is None:
                return None
            until = replace(found, applies_to=change.from_ - timedelta(days=1))
            found = replace(version, earlier=(*found.earlier, until))
            source = changed
        return found

    def _version(self, of: _Of, source: Source, spec: KeyResultYaml, applies_from: date) -> KeyResult | None:
        metric = of.metrics.get(spec.metric)
        if metric is None:
            if f"metric {spec.metric}" not in self.written and "metrics" not in self.wrong:
                message = f"there is no metric `{spec.metric}`; {suggestion(spec.metric, of.metrics)}"
                self.problems.add(source.place(("metric",)), message)
            return None
        for field, message in wrong_with_metric(spec, metric, of.period):
            self.problems.add(source.place((field,)), message)
        week_starts = of.organisation.week_starts
        if spec.every and not of.period.has_whole(spec.every.unit, week_starts):
            message = f"no {spec.every.unit} belongs to {of.period.name}; use a shorter interval"
            self.problems.add(source.place(("every",)), message)
        if spec.over and spec.over.kind == "last" and not of.period.has_whole(spec.over.unit, week_starts, ended=True):
            message = f"no {spec.over.unit} of {of.period.name} is over before it ends; use a shorter one, or `trailing … days`"
            self.problems.add(source.place(("over",)), message)
        found = KeyResult(
            spec=spec,
            objective=of.objective.id,
            title=spec.title or metric.title,
            owner=spec.owner or of.objective.owner,
            metric=metric,
            period=of.period,
            applies_from=applies_from,
            applies_to=of.period.last,
            baseline=None,
            document="",
            configuration="",
            place=source.place(()),
        )
        decides = document(of.organisation, of.views, found)
        return replace(
            found,
            baseline=measured_baseline(decides),
            document=orjson.dumps(decides).decode(),
            configuration=fingerprint(decides),
        )
