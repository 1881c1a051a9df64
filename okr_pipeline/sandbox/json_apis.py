"""The stand-ins that are nothing but a JSON API: each seeds its truth, has routes, and says which variables point at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.routing import Mount, Router

from okr_pipeline.sandbox import brevo, hubspot, line, meta_ads, reviews, salesforce
from okr_pipeline.sandbox.faults import Faulty

STAND_INS = {
    "reviews": reviews,
    "hubspot": hubspot,
    "salesforce": salesforce,
    "brevo": brevo,
    "line": line,
    "meta": meta_ads,
}  # by the prefix of its address, which is also its name in OKR_SANDBOX_FAULTS


def seed(folder: Path) -> None:
    """Writes what is missing of their truth."""
    for stand_in in STAND_INS.values():
        stand_in.seed(folder)


def mounts(folder: Path) -> Iterator[Mount]:
    """Their routes, each below its prefix."""
    for name, stand_in in STAND_INS.items():
        yield Mount(f"/{name}", Faulty(Router(stand_in.routes(folder)), name))


def env(url: Callable[[str], str]) -> dict[str, str]:
    """The environment variables that point a configuration at them."""
    return {key: value for name, stand_in in STAND_INS.items() for key, value in stand_in.env(url(name)).items()}
