"""The quarter in which these tests play."""

from datetime import date

FIRST = date(2026, 10, 1)
