"""`okr connector`: what there is and how it fares, a new one, and one put to the test."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from okr_pipeline.errors import ConfigError, HeldBack
from okr_pipeline.rehearsal import rehearsal

ConfigDir = Annotated[Path, typer.Option("--config", envvar="OKR_CONFIG", help="The configuration's folder.")]
HomeDir = Annotated[Path, typer.Option("--home", envvar="OKR_HOME", help="Where the warehouse lives.")]
CONFIG, HOME = Path("okr_config"), Path(".okr")


def commands(console: Console) -> typer.Typer:
    """The commands, printing on `console`."""
    app = typer.Typer(no_args_is_help=True, help="The sources: what there is, a new one, and one put to the test.")

    @app.command("list")
    def list_(config: ConfigDir = CONFIG, home: HomeDir = HOME) -> None:
        """What there is, what it delivers, when it last ran, what it last said, and what is known of its days."""
        from okr_pipeline.connectors_report import print_connectors

        print_connectors(console, config, home)

    @app.command()
    def new(name: str, config: ConfigDir = CONFIG) -> None:
        """Writes a connector that works against its own stand-in, with its test; change it step by step."""
        from okr_pipeline.connectors import origins
        from okr_pipeline.connectors.own import own_folder
        from okr_pipeline.connectors.skeleton import write

        for path in write(name, config, [*origins(own_folder(config))]):
            console.print(f"wrote {path}", highlight=False)
        console.print(
            f"Now: okr connector test {name} --sandbox   (against its stand-in), then change it: docs/adding-a-connector.md"
        )

    @app.command()
    def test(
        name: str,
        sandbox: Annotated[bool, typer.Option("--sandbox", help="Against the local stand-in.")] = False,
        from_: Annotated[
            datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="With --to: days that have rows.")
        ] = None,
        to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
        config: ConfigDir = CONFIG,
        home: HomeDir = HOME,
    ) -> None:
        """Checks every promise that a connector makes, against the live source or a stand-in. Exit 2 when one is broken."""
        import stamina

        from okr_pipeline.config import connector
        from okr_pipeline.connectors.contract import Window
        from okr_pipeline.connectors.kit import PROMISES, Subject
        from okr_pipeline.connectors.kit.report import print_findings

        if bool(from_) != bool(to) or (from_ and to and from_ > to):
            raise ConfigError("name the days with both --from and --to, the earlier first")
        stamina.instrumentation.set_on_retry_hooks([])
        with ExitStack() as stack:
            if sandbox:
                os.environ |= stack.enter_context(rehearsal(config, home, None, "UTC"))
            source = connector(config, name, os.environ)
            window = Window(from_.date(), to.date()) if from_ and to else None
            subject = stack.enter_context(Subject(source, window))
            for stream in subject.streams:
                subject.usual(stream)  # a source that cannot be asked at all is told as such, once
            kept = print_findings(console, (promise.examine(subject) for promise in PROMISES))
        if not kept:
            raise HeldBack

    return app
