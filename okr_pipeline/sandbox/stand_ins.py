"""All stand-ins together: one HTTP server with a prefix for each source, gRPC for GA4, a database and a drop folder."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount, Router

from okr_pipeline import clock
from okr_pipeline.sandbox import (
    crm,
    faults,
    files,
    ga4,
    ga4_report,
    google_ads,
    google_sheets,
    identity,
    json_apis,
    mailchimp,
    search_console,
    servers,
)
from okr_pipeline.sandbox.faults import LOOPBACK, Faulty
from okr_pipeline.sandbox.identity import Guarded, Identity

SEARCH_SCOPES = frozenset(
    {"https://www.googleapis.com/auth/webmasters.readonly", "https://www.googleapis.com/auth/webmasters"}
)

SHEETS_SCOPES = frozenset(
    {"https://www.googleapis.com/auth/spreadsheets.readonly", "https://www.googleapis.com/auth/spreadsheets"}
)


def start(folder: Path, stack: ExitStack) -> dict[str, str]:
    """Seeds what is missing in `folder`, starts the servers until `stack` closes, and says where everything is."""
    for source in (ga4, search_console, mailchimp, google_ads, google_sheets, crm, files, json_apis):
        source.seed(folder)
    crm.deliver(folder, clock.now())  # these two are no servers: they stand still at the hour of the start
    files.deliver(folder, clock.now())
    known = folder / "identity"
    known.mkdir(exist_ok=True)
    account = identity.load(known)
    listening = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    port = listening.getsockname()[1]
    served = ga4_report.Property(folder, account)
    stack.enter_context(servers.http(listening, _application(folder, account, served)))
    stopping = threading.Event()
    key, chain = identity.certificate()
    grpc_port = stack.enter_context(servers.rpc(ga4.grpc_handler(served, stopping), (key, chain)))
    stack.callback(stopping.set)  # called before the servers above are stopped: a slow answer must not hold them up

    # Named by port, since several processes may have the sandbox of one home open.
    account_file, roots = known / f"account-{port}.json", known / f"roots-{port}.pem"
    stack.callback(account_file.unlink, missing_ok=True)
    stack.callback(roots.unlink, missing_ok=True)
    account.write_account(account_file, f"http://{LOOPBACK}:{port}/token")
    roots.write_bytes(chain)

    def url(source: str) -> str:
        return f"http://{LOOPBACK}:{faults.closed_port() if faults.of(source) == 'refused' else port}/{source}"

    def grpc_address() -> str:
        return f"{LOOPBACK}:{faults.closed_port() if faults.of('ga4') == 'refused' else grpc_port}"

    nowhere = folder / "nowhere"  # never made: the one way in which a file or its folder is broken
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), LOOPBACK, "localhost")))
    return {
        "OKR_SANDBOX": "1",
        "GA4_PROPERTY": ga4_report.PROPERTY.removeprefix("properties/"),
        "GA4_CREDENTIALS": str(account_file),
        "GA4_ENDPOINT": url("ga4") if os.environ.get("GA4_TRANSPORT") == "rest" else grpc_address(),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots),
        "SEARCH_CONSOLE_SITE": search_console.SITE,
        "SEARCH_CONSOLE_CREDENTIALS": str(account_file),
        "SEARCH_CONSOLE_ENDPOINT": url("search"),
        "GOOGLE_ADS_CUSTOMER": google_ads.CUSTOMER,
        "GOOGLE_ADS_DEVELOPER_TOKEN": google_ads.DEVELOPER_TOKEN,
        "GOOGLE_ADS_CREDENTIALS": str(account_file),
        "GOOGLE_ADS_ENDPOINT": url("ads"),
        "GOOGLE_SHEETS_SPREADSHEET": google_sheets.SPREADSHEET,
        "GOOGLE_SHEETS_CREDENTIALS": str(account_file),
        "GOOGLE_SHEETS_ENDPOINT": url("sheets"),
        "MAILCHIMP_API_KEY": mailchimp.API_KEY,
        "MAILCHIMP_ENDPOINT": url("email"),
        "NO_PROXY": direct,
        "no_proxy": direct,
        **json_apis.env(url),
        **crm.env(nowhere if faults.of("crm") else folder),
        **files.env(nowhere if faults.of("files") else folder),
    }


def _application(folder: Path, account: Identity, served: ga4_report.Property) -> Starlette:
    search = Guarded(Router(search_console.routes(folder)), account, SEARCH_SCOPES)
    sheets = Guarded(Router(google_sheets.routes(folder)), account, SHEETS_SCOPES)
    ads = Guarded(Router(google_ads.routes(folder)), account, frozenset({"https://www.googleapis.com/auth/adwords"}))
    return Starlette(
        routes=[
            *account.routes(),
            Mount("/ga4", Faulty(Router(ga4.routes(served)), "ga4")),
            Mount("/search", Faulty(search, "search")),
            Mount("/ads", Faulty(ads, "ads")),
            Mount("/sheets", Faulty(sheets, "sheets")),
            Mount("/email", Faulty(Router(mailchimp.routes(folder)), "email")),
            *json_apis.mounts(folder),
        ]
    )
