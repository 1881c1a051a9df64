"""Where we differ from Google's client library: the token is signed here, and answers over gRPC come as they were sent.

It imports the library, so it is imported late.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from google.analytics.data_v1beta import RunReportRequest
from google.analytics.data_v1beta.services.beta_analytics_data.transports import BetaAnalyticsDataGrpcTransport
from google.auth import credentials

RUN_REPORT = "/google.analytics.data.v1beta.BetaAnalyticsData/RunReport"


class Signed(credentials.Credentials):  # type: ignore[misc]
    """A service account's token without a request to a token endpoint.

    As they are, service-account credentials also look up the account's allowed regions in the background, at another
    host and with the token. The Data API has no use for that.
    """

    def __init__(self, account: Any) -> None:
        super().__init__()
        self._account = account.with_always_use_jwt_access(True)

    def refresh(self, request: Any) -> None:
        """Signs a token, good for an hour."""
        self._account.refresh(request)
        self.token, self.expiry = self._account.token, self._account.expiry


class Transport(BetaAnalyticsDataGrpcTransport):  # type: ignore[misc]
    """Channel, credentials, time-outs and errors are the library's; an answer is the bytes of a RunReportResponse."""

    @cached_property
    def run_report(self) -> Any:
        """What asks for a report, for the client to wrap."""
        return self.grpc_channel.unary_unary(RUN_REPORT, request_serializer=RunReportRequest.serialize)
