"""Handing a mail to Apprise, which knows Slack, e-mail, LINE, Teams, plain webhooks and a hundred others by their URLs.

The URLs hold tokens. They come from the environment, and neither they nor Apprise's own log lines, which may quote them
or the address that they lead to, are ever shown: an address is named by its place in the list and its kind.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from okr_pipeline.alerts import ADDRESSES
from okr_pipeline.scorecard.digest import Mail

if TYPE_CHECKING:
    from apprise import NotifyBase

PATIENCE = 30.0  # seconds for all addresses together: a receiver that hangs does not hold up the night


def wrong_addresses() -> list[str]:
    """A sentence for every address in OKR_ALERTS that Apprise does not understand. Sends nothing."""
    return [_not_understood(name) for name, address in _addresses() if address is None]


def send(mail: Mail) -> tuple[int, list[str]]:
    """Sends to every address; how many took it, and a sentence for each that did not."""
    from apprise import Apprise, NotifyFormat, OverflowMode

    delivered, problems = 0, []
    for name, address in _addresses():
        if address is None:
            problems.append(_not_understood(name))
            continue
        # Long messages are cut into several, but HTML cut in two is neither; those that show it whole get it.
        html = address.resolve_format() == NotifyFormat.HTML and len(mail.html) < address.body_maxlen
        address.overflow_mode = OverflowMode.UPSTREAM if html else OverflowMode.SPLIT
        taken = Apprise([address]).notify(
            body=mail.html if html else mail.text,
            title=mail.subject,
            body_format=NotifyFormat.HTML if html else NotifyFormat.TEXT,
            timeout=PATIENCE,
        )
        if taken:
            delivered += 1
        else:
            problems.append(f"{name} did not take the message; look whether it is up and its token still holds")
    return delivered, problems


def _addresses() -> Iterator[tuple[str, NotifyBase | None]]:
    from apprise import Apprise
    from apprise.utils.parse import parse_urls

    logging.getLogger("apprise").disabled = True
    urls: list[str] = parse_urls(os.environ.get(ADDRESSES, ""))  # type: ignore[no-untyped-call]
    for number, url in enumerate(urls, 1):
        address = Apprise.instantiate(url)
        kind = f" ({address.service_name})" if address else ""
        yield f"address {number} of {ADDRESSES}{kind}", address


def _not_understood(name: str) -> str:
    return f"{name} is not a URL that Apprise knows; write it as Apprise documents it for your service"
