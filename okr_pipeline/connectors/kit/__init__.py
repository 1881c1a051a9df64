"""The contract kit: every promise that a connector makes, checked against the live source, a stand-in or the sandbox.

`okr connector test NAME` prints what was found. In a test, subclass `ConnectorContract` of `kit.testing`; both use the
same list, PROMISES.
"""

from okr_pipeline.connectors.kit import landing, memory, pages, refusals, rows, shapes, silence
from okr_pipeline.connectors.kit.promise import Finding, Promise, Verdict
from okr_pipeline.connectors.kit.subject import Subject

# As the modules have them, in this order.
PROMISES = [
    each
    for module in (rows, pages, landing, memory, refusals, shapes, silence)
    for each in vars(module).values()
    if isinstance(each, Promise)
]

# What the fault proxy is needed for: these say nothing about a source that is asked neither over HTTP nor over gRPC.
OVER_HTTP = frozenset(
    each.name
    for each in PROMISES
    if each in (*vars(refusals).values(), *vars(shapes).values(), landing.nothing_half, pages.repeated_page)
)

__all__ = ["OVER_HTTP", "PROMISES", "Finding", "Promise", "Subject", "Verdict"]
