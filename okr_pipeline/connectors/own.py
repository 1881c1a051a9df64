"""A project's own connectors: `connectors/<name>.py` beside its `okr_config/`, found without being installed.

`<name>_stand_in.py` beside it may have `running()`, a context manager that starts a stand-in of the source and gives the
environment variables that lead to it; `--sandbox` uses it.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from okr_pipeline.connectors.contract import Connector
from okr_pipeline.errors import ConfigError

STAND_IN = "_stand_in"
OWN = "okr_own_connectors."  # before the names of their modules


def own_folder(config: Path) -> Path:
    """Where the connectors of the project with this configuration lie."""
    return config.resolve().parent / "connectors"


def own_names(folder: Path) -> list[str]:
    """The project's own connectors, by the names of their files."""
    names = (path.stem for path in folder.glob("*.py"))
    return sorted(name for name in names if _is_connector(name))


def own_class(folder: Path, name: str) -> type[Connector]:
    """The class in `<name>.py`; KeyError when there is no such file, ConfigError when it is not one connector."""
    if not (_is_connector(name) and (folder / f"{name}.py").is_file()):
        raise KeyError(name)
    module = _loaded(folder / f"{name}.py")
    classes = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Connector) and each.__module__ == module.__name__
    ]
    if len(classes) != 1:
        found = ", ".join(each.__name__ for each in classes) or "none"
        raise ConfigError(f"connectors/{name}.py:1: must have one subclass of Connector; it has {found}")
    return classes[0]


@contextmanager
def stand_ins(folder: Path) -> Iterator[dict[str, str]]:
    """Starts the stand-ins of the project's own connectors, and gives the environment variables that lead to them."""
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        for name in own_names(folder):
            path = folder / f"{name}{STAND_IN}.py"
            if path.is_file():
                environment |= stack.enter_context(_loaded(path).running())
        yield environment


def line_in(file: str, error: BaseException) -> int | None:
    """The innermost line of a file that an error came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def blamed(kind: type[Connector], error: Exception) -> str:
    """An error that is none of ours, with the line of the connector that let it through."""
    file = str(getattr(sys.modules.get(kind.__module__), "__file__", "") or "")
    line = line_in(file, error)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return said + (f" at {Path(file).name}:{line}" if line else "")


def _is_connector(name: str) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and not name.startswith("test_") and not name.endswith(STAND_IN)


def _loaded(path: Path) -> ModuleType:
    """The module, executed anew; ConfigError with its line when that fails."""
    spec = spec_from_file_location(f"{OWN}{path.stem}", path)
    assert spec is not None  # noqa: S101 - a .py file has one
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks the annotations up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"connectors/{path.name}:{error.lineno}: is not Python: {error.msg}; mend it here") from None
    except Exception as error:  # noqa: BLE001 - whatever their code raises
        place = f"connectors/{path.name}:{line_in(str(path), error) or 1}"
        raise ConfigError(f"{place}: cannot be loaded: {type(error).__name__}: {error}; mend it here") from None
    return module
