"""Checks of what a pull brought: one mechanism, and a table of kinds.

A kind is a query in `sql/<kind>.sql` that finds problems, each a sentence; one that finds none has passed. All run inside
the transaction that replaces the window, before its commit: a problem of severity error takes the pull back as a whole.
"""

from okr_pipeline.checks.kinds import KINDS, Finding, Subject, inspect, judge, said

__all__ = ["KINDS", "Finding", "Subject", "inspect", "judge", "said"]
