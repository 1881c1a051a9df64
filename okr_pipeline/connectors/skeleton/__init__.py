"""`okr connector new`: a connector that works against its own stand-in from the first minute, to be changed step by step."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from okr_pipeline.errors import ConfigError

# Template -> where it goes; {0} is the connector's name. The configuration's folder has a name of its own.
CODE = {"connector.py.j2": "{0}.py", "stand_in.py.j2": "{0}_stand_in.py", "test.py.j2": "test_{0}.py"}


def write(name: str, config: Path, taken: list[str]) -> list[Path]:
    """Writes the files of a new connector beside and below `config`, none over one that is there; gives their paths."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name.startswith("test_") or name.endswith("_stand_in"):
        raise ConfigError(f"`{name}` is not a name for a connector; use small letters, digits and _, a letter first")
    if name in taken:
        raise ConfigError(f"there is a connector `{name}` already; choose another name")
    code = config.parent / "connectors"
    places = {template: code / place.format(name) for template, place in CODE.items()}
    places["config.yaml.j2"] = config / "connectors" / f"{name}.yaml"
    if there := [str(path) for path in places.values() if path.exists()]:
        raise ConfigError(f"{', '.join(there)} is there already; remove it, or choose another name")
    templates = Environment(  # noqa: S701 - Python and YAML, not HTML
        loader=PackageLoader("okr_pipeline.connectors.skeleton", "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    words = {"name": name, "NAME": name.upper(), "Name": "".join(part.title() for part in name.split("_"))}
    for template, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(templates.get_template(template).render(words, config=config.name), encoding="utf-8")
    return [*places.values()]
