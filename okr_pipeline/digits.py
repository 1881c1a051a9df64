"""How many decimals a number is told with: few, but never so few that a small one looks like nothing."""

from __future__ import annotations

MOST = 6  # smaller is what arithmetic leaves


def decimals(shown: float, fewest: int) -> int:
    """As many as two digits of it take, and no fewer than `fewest`: 0.004 is not told as 0."""
    found = fewest
    while 0 < abs(shown) * 10 ** (found - 1) < 1 and found < MOST:
        found += 1
    return found
