"""The code location: configuration → assets, jobs, schedule. `OKR_CONFIG` and `OKR_HOME` say where; `okr` sets both."""

import os
from pathlib import Path

from okr_pipeline.assets import Project
from okr_pipeline.assets.nightly import assemble
from okr_pipeline.config import load
from okr_pipeline.warehouse import Warehouse

defs = assemble(
    Project(
        load(Path(os.environ.get("OKR_CONFIG", "okr_config")), os.environ, unset_is_wrong=False),
        Warehouse(Path(os.environ.get("OKR_HOME", ".okr"))),
    )
)
