"""JSONPath (RFC 9535) as YAML writes it: `$.` in front may be left out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

if TYPE_CHECKING:  # a fortieth of the start-up, for the few who write paths
    from jsonpath import JSONPathEnvironment
    from jsonpath.segments import JSONPathSegment

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "nothing"})()


class Path:
    """A path into a JSON value. One that names a single place (`$.a.b[0]`) is walked without the library's machinery."""

    def __init__(self, text: str) -> None:
        from jsonpath import JSONPath

        self.text = text
        compiled = _environment().compile(text if text.startswith("$") else f"$.{text}")
        assert isinstance(compiled, JSONPath)  # noqa: S101 - only the library's own extensions compile to something else
        self._compiled = compiled
        segments = list(compiled.segments)
        self._all = bool(segments) and _is_all(segments[-1])
        self.steps = _steps(segments[:-1] if self._all else segments)

    def get(self, value: Any) -> Any:
        """What is there; null below a null, MISSING where there is nothing. ValueError when several things match."""
        if self.steps is None or self._all:
            found = self._compiled.findall(value)
            if len(found) > 1:
                raise ValueError(f"{self.text} matches {len(found)} values, not one")
            return found[0] if found else MISSING
        for step in self.steps:
            if value is None:
                return None
            try:
                value = value[step]
            except (LookupError, TypeError):
                return MISSING
        return value

    def rows(self, body: Any) -> list[Any]:
        """The rows in an answer: the list at the path, or all that match. LookupError where there is no such place."""
        if self.steps is None:
            return self._compiled.findall(body)
        for step in self.steps:
            body = body[step]
        if not isinstance(body, list):
            raise TypeError(f"there is no list at {self.text}")
        return body


@cache
def _environment() -> JSONPathEnvironment:
    from jsonpath import JSONPathEnvironment

    return JSONPathEnvironment(strict=True)  # the standard's language, not the library's extensions


def _is_all(segment: JSONPathSegment) -> bool:
    from jsonpath.segments import JSONPathChildSegment
    from jsonpath.selectors import WildcardSelector

    selectors = segment.selectors
    return isinstance(segment, JSONPathChildSegment) and [type(each) for each in selectors] == [WildcardSelector]


def _steps(segments: Sequence[JSONPathSegment]) -> tuple[str | int, ...] | None:
    """The names and indices of a path that leads to one place only; None for any other."""
    from jsonpath.segments import JSONPathChildSegment
    from jsonpath.selectors import IndexSelector, NameSelector

    steps: list[str | int] = []
    for segment in segments:
        only = segment.selectors[0]
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) > 1:
            return None
        if isinstance(only, NameSelector):
            steps.append(only.name)
        elif isinstance(only, IndexSelector):
            steps.append(only.index)
        else:
            return None
    return tuple(steps)


@lru_cache(maxsize=1024)
def path(text: str) -> Path:
    """The path that a text means; ValueError says what is wrong with it."""
    from jsonpath.exceptions import JSONPathError

    try:
        return Path(text)
    except JSONPathError as error:
        problem = str(error).partition("\n")[0]
        raise ValueError(
            f"{text!r} is not a JSONPath ({problem}); write for example $.data.items[*] or score.stars"
        ) from None


def _written(text: str) -> str:
    path(text)
    return text


PathText = Annotated[str, AfterValidator(_written)]
