"""What went wrong in somebody's resource, as the error that names who can mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from okr_pipeline.connectors.http import brief, refusal, unreadable
from okr_pipeline.errors import DataRejected, OkrError, SourceUnavailable

REMEDY = "Look at `secrets` and `arguments`."


def told(name: str, resource: str, error: Exception, secrets: Sequence[str]) -> OkrError:
    """Ours for an error that came out of a resource: the first in its chain of causes that says something.

    dlt wraps what a resource raises (ResourceExtractionError). Of an HTTP client's error, of whichever one, the status
    decides, and without an answer it is the network; anything else means that rows could not be read.
    """
    chained = [*_causes(error)]
    for cause in chained:
        if isinstance(cause, OkrError):
            return cause
        response = getattr(cause, "response", None)
        status = getattr(response, "status_code", None)
        if isinstance(status, int) and status >= 300:
            said = brief(getattr(response, "text", "") or getattr(response, "reason", ""), *secrets)
            wait = response.headers.get("retry-after") if response is not None else None
            return refusal(name, resource, status, said=said, retry_after=wait, remedy=REMEDY)
    for cause in chained:
        if (isinstance(cause, OSError) and not isinstance(cause, ValueError)) or _is_transport(cause):
            what = type(cause).__name__
            return SourceUnavailable(
                f"{name}: {resource} cannot reach its source ({what}). Look at the network and `arguments`, or try again later."
            )
    last = chained[-1]
    cause = ValueError(brief(f"{type(last).__name__}: {last}", *secrets))
    return DataRejected(unreadable(name, resource, cause))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while (
        error is not None and id(error) not in seen
    ):  # ours, raised anew, has the wrapper that it is the cause of as context
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def _is_transport(error: BaseException) -> bool:
    """Whether it is httpx's kind of network error, told by name: a resource may bring any version of any client."""
    return any(each.__name__ == "TransportError" for each in type(error).__mro__)
