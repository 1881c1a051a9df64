"""Stand-ins with very many rows, in the protocols of the sources: each answer is made when it is asked for.

150,000 rows with a text of 900 bytes in each hold as much as a million usual ones, and take a sixth of the time.
OKR_KIT_ROWS=1000000 makes them a million.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.analytics.data_v1beta import types as ga
from google.protobuf import json_format
from stage import Stage, stage
from starlette.requests import Request
from starlette.responses import Response

from okr_pipeline.sandbox import identity, servers
from okr_pipeline.sandbox.ga4 import ASKED

ROWS = int(os.environ.get("OKR_KIT_ROWS", "150000"))
TEXT = "ข่าว" * 75  # 900 bytes
PHRASE = TEXT[:100]  # for sources whose pages have 10,000 rows and more, which are held to twice as many
DAY = "2026-10-05"


def page(row: str, start: int, size: int) -> tuple[str, int | None]:
    """So many rows from `start` on, by a template with one number, and where the next page begins."""
    rows = ROWS if "TEXT" in row else 2 * ROWS
    end = min(start + size, rows)
    row = row.replace("TEXT", TEXT).replace("PHRASE", PHRASE)
    return ",".join([row % number for number in range(start, end)]), end if end < rows else None


@contextmanager
def standing(answer: Callable[[Request, Any], str]) -> Iterator[str]:
    """Serves `answer` (of a request and its body, if that is JSON) and tokens; gives the address."""

    def handler(request: Request) -> Response:
        if request.url.path.endswith("/token"):
            text = '{"access_token": "any", "expires_in": 3600, "token_type": "Bearer"}'
        else:
            sent = made.bodies[-1]
            text = answer(request, json.loads(sent) if sent else None)
            made.asked.clear()
            made.bodies.clear()
        return Response(text, media_type="application/json")

    made: Stage
    with stage() as made:
        made.handler = handler
        yield made.url


def key(folder: Path, url: str) -> str:
    """The path of a service account's key whose tokens are given at `url`."""
    path = folder / "key.json"
    identity.load(folder).write_account(path, f"{url}/token")
    return str(path)


MAILCHIMP = (
    '{"id":"c%d","campaign_title":"TEXT","send_time":"2026-10-05T03:00:00+00:00","emails_sent":900,'
    '"bounces":{"hard_bounces":1,"soft_bounces":2},"opens":{"opens_total":500,"unique_opens":300,'
    '"proxy_excluded_unique_opens":200},"clicks":{"clicks_total":50,"unique_clicks":40}}'
)


def mailchimp(request: Request, _: Any) -> str:
    rows, _end = page(MAILCHIMP, *(int(request.query_params[name]) for name in ("offset", "count")))
    return f'{{"reports":[{rows}],"total_items":{ROWS}}}'


BREVO = (
    '{"id":%d,"name":"TEXT","sentDate":"2026-10-05T03:00:00.000Z","statistics":{"globalStats":{"sent":900,'
    '"delivered":890,"hardBounces":1,"softBounces":2,"viewed":500,"uniqueViews":300,"trackableViews":200,'
    '"appleMppOpens":90,"clickers":50,"uniqueClicks":40,"unsubscriptions":1,"complaints":0}}}'
)


def brevo(request: Request, _: Any) -> str:
    rows, _end = page(BREVO, *(int(request.query_params[name]) for name in ("offset", "limit")))
    return f'{{"count":{ROWS},"campaigns":[{rows}]}}'


HUBSPOT = (
    '{"id":"%d","properties":{"createdate":"2026-10-05T03:00:00Z","lifecyclestage":"lead","hs_analytics_source":"TEXT",'
    '"hs_lifecyclestage_lead_date":"2026-10-05T03:00:00Z","hs_lifecyclestage_marketingqualifiedlead_date":null,'
    '"hs_lifecyclestage_salesqualifiedlead_date":null,"hs_lifecyclestage_opportunity_date":null,'
    '"hs_lifecyclestage_customer_date":null}}'
)


def hubspot(_: Request, body: Any) -> str:
    after = [each["value"] for each in body["filterGroups"][0]["filters"] if each["propertyName"] == "hs_object_id"]
    rows, _end = page(HUBSPOT, int(after[0]) + 1 if after else 0, body["limit"])
    return f'{{"total":{ROWS},"results":[{rows}]}}'


SALESFORCE = (
    '{"attributes":{"type":"Lead"},"Id":"00Q%012dAA","CreatedDate":"2026-10-05T03:00:00.000+0000",'
    '"SystemModstamp":"2026-10-05T03:00:00.000+0000","LeadSource":"TEXT","Status":"Open","IsConverted":false,'
    '"ConvertedDate":null}'
)


def salesforce(request: Request, _: Any) -> str:
    last = request.url.path.rpartition("/")[2]
    rows, end = page(SALESFORCE, int(last) if last.isdigit() else 0, 2000)
    following = f'"nextRecordsUrl":"/services/data/v66.0/query/{end}",' if end else ""
    return f'{{"totalSize":{ROWS},"done":{json.dumps(end is None)},{following}"records":[{rows}]}}'


GOOGLE_ADS = (
    '{"customer":{"currencyCode":"THB","timeZone":"Asia/Bangkok"},"campaign":{"id":"%d","name":"PHRASE"},'
    '"segments":{"date":"2026-10-05"},"metrics":{"impressions":"900","clicks":"40","costMicros":"12340000",'
    '"conversions":1.5,"conversionsValue":270}}'
)


def google_ads(_: Request, body: Any) -> str:
    rows, end = page(GOOGLE_ADS, int(body.get("pageToken") or 0), 10_000)
    following = f',"nextPageToken":"{end}"' if end else ""
    return f'{{"fieldMask":"campaign.id","results":[{rows}]{following}}}'


META_ADS = (
    '{"campaign_id":"%d","campaign_name":"TEXT","impressions":"900","clicks":"40","spend":"12.34","actions":'
    '[{"action_type":"purchase","value":"3"}],"action_values":[{"action_type":"purchase","value":"2670.50"}],'
    '"date_start":"2026-10-05","date_stop":"2026-10-05"}'
)


def meta_ads(request: Request, _: Any) -> str:
    if not request.url.path.endswith("/insights"):
        return '{"currency":"THB","timezone_name":"Asia/Bangkok","id":"act_1"}'
    rows, end = page(META_ADS, *(int(request.query_params.get(name, 0)) for name in ("after", "limit")))
    following = f',"paging":{{"cursors":{{"after":"{end}"}},"next":"https://graph.facebook.com"}}' if end else ""
    return f'{{"data":[{rows}]{following}}}'


SEARCH = '{"keys":["2026-10-05","%d PHRASE"],"clicks":3,"impressions":70,"ctr":0.04,"position":4.5}'


def search_console(_: Request, body: Any) -> str:
    if body["dimensions"] == ["date"]:
        first = '{"keys":["2026-10-05"],"clicks":3,"impressions":70,"ctr":0.04,"position":4.5}'
        return f'{{"rows":[{first if not body["startRow"] else ""}],"responseAggregationType":"byProperty"}}'
    rows, _end = page(SEARCH, body["startRow"], body["rowLimit"])
    return f'{{"rows":[{rows}],"responseAggregationType":"byProperty"}}'


def visits() -> Iterator[dict[str, Any]]:
    """What a connector of dlt's resources may be given: any iterator is one."""
    return ({"id": number, "day": "2026-11-05", "page": f"{number} {TEXT}"} for number in range(ROWS))


GA4_REPORT = {"dimensions": ["date", "pagePath"], "metrics": ["sessions"]}
GA4 = '{"dimensionValues":[{"value":"20261005"},{"value":"%d PHRASE"}],"metricValues":[{"value":"70"}]}'
GA4_HEAD = '"dimensionHeaders":[{"name":"date"},{"name":"pagePath"}],"metricHeaders":[{"name":"sessions"}]'


def ga4(_: Request, body: Any) -> str:
    rows, _end = page(GA4, int(body.get("offset", 0)), int(body["limit"]))
    return f'{{{GA4_HEAD},"rows":[{rows}],"rowCount":{2 * ROWS},"metadata":{{"timeZone":"Asia/Bangkok"}}}}'


@contextmanager
def ga4_over_grpc(certificate: tuple[bytes, bytes]) -> Iterator[str]:
    """The same over gRPC; the rows of a page are those of every page, but for the first."""

    def message(text: str) -> bytes:
        sent: bytes = json_format.Parse(text, ga.RunReportResponse.pb()()).SerializeToString()
        return sent

    rows = max(ROWS, 1_000_000)  # they are read so fast that they can be as many at any time
    others = message(f'{{"rows":[{page(GA4, 1, 9_999)[0]}]}}')
    head, tail = message(f"{{{GA4_HEAD}}}"), message(f'{{"rowCount":{rows},"metadata":{{"timeZone":"Asia/Bangkok"}}}}')

    def run_report(request: Any, _: grpc.ServicerContext) -> bytes:
        first = GA4 % request.offset
        return head + message(f'{{"rows":[{first}]}}') + others + tail

    method = grpc.unary_unary_rpc_method_handler(run_report, request_deserializer=ASKED.FromString)

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, _: grpc.HandlerCallDetails) -> Any:
            return method

    with servers.rpc(Handler(), certificate) as port:
        yield f"127.0.0.1:{port}"
