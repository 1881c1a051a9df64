"""Real PostgreSQL and MariaDB servers for tests: a private cluster each, on a free port, owned by nobody and gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "s3cret-of-the-test"
PATIENCE = 20.0  # seconds for a server to come up


@dataclass(frozen=True)
class Server:
    """A running server: its SQLAlchemy URL with a user that owns the database `crm`, and a way to run statements."""

    url: str
    port: int
    run: Callable[..., None]


def programme(name: str) -> str:
    """The path of a server's program; the test is skipped where it is not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or (str(debian[0]) if debian else None)
    if found is None:
        pytest.skip(f"{name} is not installed; apt-get install postgresql mariadb-server")
    return found


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the server's user may enter: pytest's own are closed to everybody else, and root may not run servers."""
    made = Path(tempfile.mkdtemp(prefix="okr-db-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(made, "nobody", "nogroup")
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _nobody() -> dict[str, Any]:
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _prepare(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **_nobody())
    assert done.returncode == 0, done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(command: list[str], log: Path, answers: Callable[[], Any]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd="/", **_nobody())
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answers().close()
                break
            except Exception:  # noqa: BLE001 - two drivers, each with its own
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(log.read_text(errors="replace")) from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgresql() -> Iterator[Server]:
    """A PostgreSQL cluster with the user and database `crm`; its server's zone is New York, to be ignored by everybody."""
    psycopg = pytest.importorskip("psycopg")

    with folder() as home:
        port, data, secret = _free_port(), home / "data", home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = [programme("initdb"), "-D", str(data), "-U", "crm", "-A", "scram-sha-256", "--pwfile", str(secret)]
        _prepare(*initdb, "-E", "UTF8", "--no-locale", "--no-sync")
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings |= {"timezone": "America/New_York", "max_connections": 10, "shared_buffers": "16MB"}
        command = [programme("postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]

        def connected(database: str = "postgres") -> Any:
            address = f"host=127.0.0.1 port={port} user=crm dbname={database}"
            return psycopg.connect(address, password=PASSWORD, autocommit=True, connect_timeout=2)

        def run(*statements: str, database: str = "crm") -> None:
            with closing(connected(database)) as connection:
                for statement in statements:
                    connection.execute(statement)

        with _serving(command, home / "log", connected):
            run("CREATE DATABASE crm", database="postgres")
            yield Server(f"postgresql+psycopg://crm:{PASSWORD}@127.0.0.1:{port}/crm", port, run)


@contextmanager
def mariadb() -> Iterator[Server]:
    """A MariaDB server with the user and database `crm`; its own zone is far from UTC, to be ignored by everybody."""
    pymysql = pytest.importorskip("pymysql")

    with folder() as home:
        port, data, socket_ = _free_port(), home / "data", home / "socket"
        install = [programme("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        _prepare(*install, "--auth-root-authentication-method=normal", "--skip-name-resolve")
        command = [programme("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket_}", f"--port={port}"]
        command += ["--bind-address=127.0.0.1", "--skip-name-resolve", "--default-time-zone=-05:00"]
        command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", f"--pid-file={home}/pid"]

        def connected(database: str | None = None) -> Any:
            who = {"unix_socket": str(socket_), "user": "root", "charset": "utf8mb4"}
            return pymysql.connect(**who, database=database, autocommit=True, connect_timeout=2)

        def run(*statements: str, database: str | None = "crm") -> None:
            with closing(connected(database)) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

        with _serving(command, home / "log", connected):
            user = f"'crm'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'"
            run("CREATE DATABASE crm CHARACTER SET utf8mb4", f"CREATE USER {user}", database=None)
            run("GRANT ALL ON crm.* TO 'crm'@'127.0.0.1'", database=None)
            yield Server(f"mysql+pymysql://crm:{PASSWORD}@127.0.0.1:{port}/crm", port, run)
