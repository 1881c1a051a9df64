"""Telling people after a night: one message when something changed, to every address of OKR_ALERTS, else silence."""

ADDRESSES = "OKR_ALERTS"  # the variable that holds the URLs as Apprise writes them, separated by spaces or commas
