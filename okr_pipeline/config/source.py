"""YAML that remembers its lines, and the mistakes found in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarfloat import ScalarFloat

from okr_pipeline.errors import ConfigError

Path_ = tuple[str | int, ...]
T = TypeVar("T")
_REFERENCE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass
class Problems:
    """Every mistake of a configuration, collected so that one run of `okr check` shows them all."""

    found: list[str] = field(default_factory=list)

    def add(self, place: str, message: str) -> None:
        """`place` is `file:line` or `file:line: field`."""
        self.found.append(f"{place}: {message}")

    def stop_if_any(self) -> None:
        """Raises ConfigError with all that was found."""
        if self.found:
            raise ConfigError("\n".join(dict.fromkeys(self.found)))


@dataclass
class Source:
    """One YAML file: its plain data and the line of every field."""

    path: str
    data: Any
    lines: dict[Path_, int]
    prefix: Path_ = ()  # where in the file `data` stands, when it is one entry of it

    def at(self, *where: str | int) -> Source:
        """One entry of the file, with places still told from the whole file."""
        data = self.data
        for part in where:
            data = data[part]
        lines = {path: self.lines[*where, *path] for path in _paths(data) if (*where, *path) in self.lines}
        return Source(self.path, data, lines, (*self.prefix, *where))

    def changed(self, change: Source) -> Source:
        """This entry with the fields of another put over its own, each at the line that says it; null drops a field."""
        data = {name: value for name, value in {**self.data, **change.data}.items() if value is not None}
        kept = {where: line for where, line in self.lines.items() if where[:1] not in [(name,) for name in change.data]}
        return Source(self.path, data, kept | {w: line for w, line in change.lines.items() if w}, self.prefix)

    def line(self, where: Path_) -> int:
        """The line of a field, or of the nearest thing around it that the file does have."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def place(self, where: Path_) -> str:
        """`file:line: field` as an editor can jump to it."""
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*self.prefix, *where)).lstrip(
            "."
        )
        return f"{self.path}:{self.line(where)}" + (f": {name}" if name else "")

    def resolve(self, environment: Mapping[str, str]) -> tuple[Any, list[tuple[Path_, str]]]:
        """The data with each `${NAME}` and `${NAME:-default}` replaced, and the (field, NAME) that are not set."""
        unset: list[tuple[Path_, str]] = []

        def replaced(value: Any, where: Path_) -> Any:
            if isinstance(value, dict):
                return {key: replaced(item, (*where, key)) for key, item in value.items()}
            if isinstance(value, list):
                return [replaced(item, (*where, index)) for index, item in enumerate(value)]
            return _REFERENCE.sub(lambda match: looked_up(match, where), value) if isinstance(value, str) else value

        def looked_up(match: re.Match[str], where: Path_) -> str:
            name, default = match[1], match[2]
            if not environment.get(name) and default is None:
                unset.append((where, name))
                return match[0]
            return environment.get(name) or default

        return replaced(self.data, ()), unset

    def unclear(self) -> Iterator[tuple[Path_, str]]:
        """The fields with a `${` that begins no reference: as it stands it would be taken for a password, say."""
        for where in _paths(self.data):
            value = self.data
            for part in where:
                value = value[part]
            if isinstance(value, str) and (found := re.search(r"\$\{[^}]*\}?", _REFERENCE.sub("", value))):
                yield where, found[0]

    def validate(self, kind: type[T] | Any, data: Any, problems: Problems) -> T | None:
        """`data` as a `kind` (a pydantic model or type), or None with every mistake added to `problems`."""
        try:
            valid: T = TypeAdapter(kind).validate_python(data)
        except ValidationError as error:
            details = error.errors()
            unknown = [(d["loc"][:-1], str(d["loc"][-1])) for d in details if d["type"] == "extra_forbidden"]
            for detail in details:
                where = tuple(detail["loc"])
                near = [name for parent, name in unknown if parent == where[:-1]]
                if detail["type"] == "missing" and difflib.get_close_matches(str(where[-1]), near):
                    continue  # it is there, misspelt: told once, as the unknown field
                problems.add(self.place(self._known(where, detail["type"])), _remedy(detail, kind, where))
            return None
        return valid

    def _known(self, where: Path_, problem: str) -> Path_:
        """Without the parts that pydantic adds and the file does not have (names of union members)."""
        if problem in {"missing", "extra_forbidden"}:
            return where
        while where and where not in self.lines:
            where = where[:-1]
        return where


def read(path: Path, shown_as: str, problems: Problems) -> Source | None:
    """One YAML 1.2 file; None, with the mistake added, where it is not YAML, is empty or repeats a key."""
    text = read_text(path, shown_as, problems)
    if text is None:
        return None
    lines: dict[Path_, int] = {(): 1}
    try:
        loaded = YAML(typ="rt").load(text)
        data = _plain(loaded, (), lines)
    except RecursionError:
        problems.add(f"{shown_as}:1", "is nested too deep, or has an `*alias` within its own `&anchor`; write it out")
        return None
    except ReaderError as error:  # such as Word and chat programs leave behind, which no editor shows
        line = text.count("\n", 0, error.position) + 1
        problems.add(
            f"{shown_as}:{line}", f"has the invisible character U+{ord(text[error.position]):04X}; type the line anew"
        )
        return None
    except MarkedYAMLError as error:
        opened = error.context_mark if "flow" in (error.context or "") or "quoted" in (error.context or "") else None
        mark = opened or error.problem_mark  # a bracket that is never closed is told where it was opened
        line = mark.line + 1 if mark else 1
        problems.add(
            f"{shown_as}:{line}", f"is not valid YAML: {error.problem}; check indentation, quotes and brackets here"
        )
        return None
    if not isinstance(loaded, CommentedMap):
        problems.add(f"{shown_as}:1", "must be `field: value` lines; this file is empty or a list")
        return None
    return Source(shown_as, data, lines)


def read_text(path: Path, shown_as: str, problems: Problems) -> str | None:
    """What a file of the configuration says; None, with the mistake added, where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows puts a mark before it
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(f"{shown_as}:{line}", "is not UTF-8 text; save it as UTF-8")
    except OSError as error:
        problems.add(
            f"{shown_as}:1", f"cannot be read ({error.strerror}); put a file there that may be read, or remove it"
        )
    return None


def _paths(data: Any) -> Iterator[Path_]:
    """Where `data` has anything, itself included."""
    yield ()
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for part, value in inner:
        yield from ((part, *path) for path in _paths(value))


def _plain(node: Any, where: Path_, lines: dict[Path_, int]) -> Any:
    if isinstance(node, CommentedMap):
        for key in node:
            lines[(*where, str(key))] = _key_line(node, key) + 1
        return {str(key): _plain(value, (*where, str(key)), lines) for key, value in node.items()}  # a day may be a key
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            lines[(*where, index)] = node.lc.data[index][0] + 1
        return [_plain(value, (*where, index), lines) for index, value in enumerate(node)]
    if isinstance(node, ScalarFloat):
        return float(node)
    return node


def _key_line(node: CommentedMap, key: Any) -> int:
    """Of a field that `<<: *name` brought along, the line where it was written."""
    if key in (node.lc.data or {}):
        return int(node.lc.data[key][0])
    return next((_key_line(merged, key) for merged in node.merge if key in merged), int(node.lc.line))


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` when something near exists, else the list of what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(names) or 'none'}"


def _remedy(detail: Any, kind: Any, where: Path_) -> str:
    """Pydantic's finding in the words of somebody who writes YAML."""
    if detail["type"] == "extra_forbidden":
        return f"unknown field `{where[-1]}`; {suggestion(str(where[-1]), _fields(kind, where[:-1]))}"
    if detail["type"] == "missing":
        return f"the field `{where[-1]}` is missing; add `{where[-1]}: …`"
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = "" if detail["type"] == "value_error" or isinstance(detail["input"], dict) else f"; got {detail['input']!r}"
    return message[:1].lower() + message[1:] + given


def _fields(kind: Any, where: Path_) -> list[str]:
    """The fields that a model allows at a place, followed through lists, dicts and optional types."""
    models = [kind] if isinstance(kind, type) and issubclass(kind, BaseModel) else _models(kind)
    for part in where:
        step: Callable[[type[BaseModel]], list[type[BaseModel]]] = lambda model, name=part: (  # type: ignore[misc]  # noqa: E731
            _models(model.model_fields[name].annotation) if name in model.model_fields else [model]
        )
        models = [inner for model in models for inner in step(model)]
    return [field_.alias or name for model in models for name, field_ in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
