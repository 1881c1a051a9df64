"""Dagster's web server, daemon and code server in processes of their own, started by `okr ui`, and asked through GraphQL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OVER = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass
class Webserver:
    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(refused.read().decode()) from refused
        assert "errors" not in found, found
        return found["data"]

    def assets(self) -> list[dict[str, Any]]:
        return [{"path": node["assetKey"]["path"]} for node in self.ask("{assetNodes{assetKey{path}}}")["assetNodes"]]

    def launch(self, job: str, tags: dict[str, str], assets: list[dict[str, Any]] | None = None) -> str:
        """As the launchpad does, and "Materialize selected": gives the run's id."""
        selector = _repository() | {"pipelineName": job} | ({"assetSelection": assets} if assets else {})
        metadata = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        launched = self.ask(
            "mutation($p: ExecutionParams!){launchPipelineExecution(executionParams: $p){__typename"
            " ...on LaunchRunSuccess{run{runId}} ...on PythonError{message}}}",
            p={"selector": selector, "executionMetadata": metadata, "mode": "default"},
        )["launchPipelineExecution"]
        return str(launched["run"]["runId"])

    def backfill(self, days: list[str], assets: list[dict[str, Any]]) -> str:
        """As the dialog "Launch backfill" does: gives its id."""
        launched = self.ask(
            "mutation($p: LaunchBackfillParams!){launchPartitionBackfill(backfillParams: $p){__typename"
            " ...on LaunchBackfillSuccess{backfillId} ...on PythonError{message}}}",
            p={"partitionNames": days, "assetSelection": assets},
        )["launchPartitionBackfill"]
        return str(launched["backfillId"])

    def tick(self, schedule: str, at: float) -> list[dict[str, Any]]:
        """The runs that the schedule asks for at an instant, worked out by the code server, as the daemon has it done."""
        answer = self.ask(
            "mutation($s: ScheduleSelector!, $t: Float!){scheduleDryRun(selectorData: $s, timestamp: $t){__typename"
            " ...on DryRunInstigationTick{evaluationResult{error{message} runRequests{tags{key value} jobName}}}"
            " ...on PythonError{message}}}",
            s=_repository() | {"scheduleName": schedule},
            t=at,
        )["scheduleDryRun"]
        assert answer["evaluationResult"]["error"] is None
        return list(answer["evaluationResult"]["runRequests"])

    def stop(self, schedule: str) -> None:
        """As its switch does: or a test that is under way at the schedule's hour sees a night of the real clock."""
        state = self.ask(
            "query($s: ScheduleSelector!){scheduleOrError(scheduleSelector: $s){...on Schedule{scheduleState{id}}}}",
            s=_repository() | {"scheduleName": schedule},
        )["scheduleOrError"]["scheduleState"]
        stopped = self.ask(
            "mutation($id: String){stopRunningSchedule(id: $id){...on ScheduleStateResult{scheduleState{status}}}}",
            id=state["id"],
        )["stopRunningSchedule"]
        assert stopped == {"scheduleState": {"status": "STOPPED"}}

    def runs(self, tag: tuple[str, str] | None = None) -> list[dict[str, Any]]:
        where = {"tags": [{"key": tag[0], "value": tag[1]}]} if tag else {}
        query = "query($f: RunsFilter){runsOrError(filter: $f){...on Runs{results{runId status jobName}}}}"
        return list(self.ask(query, f=where)["runsOrError"]["results"])

    def ended(self, tag: tuple[str, str], count: int = 1, patience: float = 120) -> list[str]:
        """The statuses of the runs with a tag, once there are so many and all are over."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            runs = self.runs(tag)
            if len(runs) >= count and all(run["status"] in OVER for run in runs):
                return [run["status"] for run in runs]
            time.sleep(0.5)
        raise AssertionError(f"not over after {patience} s: {self.runs(tag)}")


def _repository() -> dict[str, str]:
    return {"repositoryName": "__repository__", "repositoryLocationName": "okr_pipeline.definitions"}


@contextmanager
def webserver(home: Path, config: Path, **environment: str) -> Iterator[Webserver]:
    """`okr ui --sandbox`, up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from okr_pipeline.cli import main; main()", "ui", "--sandbox"]
    command += ["--home", str(home), "--config", str(config), "--port", str(port)]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | environment, start_new_session=True
        )
        try:
            up = Webserver(f"http://127.0.0.1:{port}/graphql")
            deadline = time.monotonic() + 90
            while True:
                try:
                    assert up.assets()
                    break
                except (urllib.error.URLError, OSError, AssertionError):
                    assert process.poll() is None, (home / "ui.log").read_text()
                    assert time.monotonic() < deadline, (home / "ui.log").read_text()
                    time.sleep(0.5)
            yield up
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
