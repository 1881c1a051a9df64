"""Who may ask the sandbox: a service account of its own, the token endpoint for it, and a certificate for gRPC."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

EMAIL = "okr@sandbox.iam.gserviceaccount.com"
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600  # seconds, as Google's access tokens


@dataclass
class Identity:
    """A service account's key pair and the access tokens that were given out for it, each with its scopes and end."""

    private_key: str
    tokens: dict[str, tuple[frozenset[str], float]] = field(default_factory=dict)

    def scopes(self, authorization: str | None) -> frozenset[str] | None:
        """What an `Authorization` header may do; None when it is missing, forged or too old.

        Like Google, takes an access token or a JWT that the account signed itself (google.aip.dev/auth/4111).
        """
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer":
            return None
        if token in self.tokens:
            scopes, end = self.tokens[token]
            return scopes if time.time() < end else None
        claims = self._claims(token)
        return frozenset(str(claims.get("scope", "")).split()) if claims else None

    async def give_token(self, request: Request) -> Response:
        """The token endpoint: an assertion that the account signed, for an access token (RFC 7523)."""
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        claims = self._claims(form.get("assertion", ""))
        if form.get("grant_type") != ASSERTION or claims is None or claims.get("iss") != EMAIL:
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self.tokens[token] = (frozenset(str(claims.get("scope", "")).split()), time.time() + LIFETIME)
        return JSONResponse({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"})

    def routes(self) -> list[Route]:
        """Where the token endpoint is."""
        return [Route("/token", self.give_token, methods=["POST"])]

    def write_account(self, path: Path, token_uri: str) -> None:
        """The JSON key file of the account, in Google's form."""
        account = {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": "sandbox",
            "private_key": self.private_key,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": token_uri,
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(account, indent=1), encoding="utf-8")

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(token, certs=self._public_key)
        except ValueError:
            return None
        return claims

    @cached_property
    def _public_key(self) -> str:
        key = serialization.load_pem_private_key(self.private_key.encode(), None).public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public_bytes(serialization.Encoding.PEM, form).decode()


def load(folder: Path) -> Identity:
    """The folder's service account: made at the first start and kept."""
    kept = folder / "service-account.pem"
    if not kept.exists():
        new = folder / f"service-account.{os.getpid()}.pem"
        new.touch(mode=0o600)
        new.write_bytes(_pem(rsa.generate_private_key(65537, 2048)))
        with suppress(FileExistsError):  # two processes may start at once: the first one's key is everybody's
            os.link(new, kept)
        new.unlink()
    return Identity(kept.read_text(encoding="ascii"))


class Guarded:
    """Lets a request pass to `app` when its token allows one of `scopes`; refuses it as Google does otherwise."""

    def __init__(self, app: ASGIApp, identity: Identity, scopes: frozenset[str]) -> None:
        self.app = app
        self.identity = identity
        self.allowed = scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 401 or 403."""
        given = self.identity.scopes(Request(scope).headers.get("authorization"))
        if given is None:
            words = "Request had invalid authentication credentials."
            await _refusal(401, "UNAUTHENTICATED", words)(scope, receive, send)
        elif not given & self.allowed:
            words = "Request had insufficient authentication scopes."
            await _refusal(403, "PERMISSION_DENIED", words)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _refusal(code: int, status: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)


@cache
def certificate() -> tuple[bytes, bytes]:
    """Key and certificate (PEM) of the gRPC server, its own authority; one for the life of the process.

    gRPC reads its trusted roots once in a process: a second sandbox has to show the same certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OKR sandbox")])
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)  # not the sandbox's clock: gRPC checks the dates against the machine's
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(key), signed.public_bytes(serialization.Encoding.PEM)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
