"""The page: how long building it takes, how large it is, and how fast a browser opens it and moves its slider.

A fiscal year of the sandbox is pulled and scored for the fifteen key results over a whole year, once; then for 1,000 key
results in 200 objectives on the same metrics. Each page is built in a process of its own and opened in headless Chromium.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SHIPPED = Path(__file__).parents[1] / "okr_config"
LAST = date(2027, 9, 30)  # of FY2570
MANY, OBJECTIVES = 1_000, 200
MOVE = """
const [day, done] = arguments, slider = document.querySelector("#day"), began = performance.now();
slider.value = day;
slider.dispatchEvent(new Event("input"));
requestAnimationFrame(() => {
  const painted = new MessageChannel();
  painted.port1.onmessage = () => done(performance.now() - began);
  painted.port2.postMessage(0);
});
"""


def configured(folder: Path, *, many: bool) -> Path:
    """The shipped configuration over a year; or with many key results, all of them variants of the fifteen."""
    shutil.copytree(SHIPPED, folder)
    yaml = YAML()
    paths = sorted((folder / "objectives").iterdir())
    documents = [yaml.load(path) | {"period": "FY2570"} for path in paths]
    for path in paths:
        path.unlink()
    if many:
        results = [result for document in documents for result in document["key_results"]]
        grown = [copy.deepcopy(documents[n % len(documents)]) for n in range(OBJECTIVES)]
        each = MANY // OBJECTIVES
        for n, document in enumerate(grown):
            document |= {"id": f"{document['id']}-{n}", "team": f"team {n % 20}", "owner": f"Owner {n % 20}"}
            chosen = [copy.deepcopy(results[(n * each + k) % len(results)]) for k in range(each)]
            document["key_results"] = [result | {"id": f"{result['id']}-{n}-{k}"} for k, result in enumerate(chosen)]
        documents = grown
    for n, document in enumerate(documents):
        with (folder / "objectives" / f"{n:03}.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(document, file)
    return folder


def scored(config: Path, home: Path) -> None:
    """Scores what is in the warehouse below `home` for a configuration, and publishes it without the page."""
    from okr_pipeline.config import load
    from okr_pipeline.scoring import bind, measure, score
    from okr_pipeline.warehouse import Warehouse, publish

    read, warehouse = load(config, {}, unset_is_wrong=False), Warehouse(home)
    with warehouse.open() as connection:
        bind(connection, read)
        measure(connection, read, read.metrics.values())
        score(connection, read, LAST)
    publish(warehouse)


def built(config: Path, home: Path) -> dict[str, float]:
    """In this process: seconds to start (imports, configuration, the drawing engine), and then to build the page."""
    began = time.perf_counter()
    import vl_convert

    from okr_pipeline.config import load
    from okr_pipeline.scorecard import write

    read = load(config, {}, unset_is_wrong=False)
    vl_convert.vegalite_to_svg({"data": {"values": [{}]}, "mark": "point"})
    started, cpu = time.perf_counter(), time.process_time()
    write(home / "published" / "okr.duckdb", read, LAST)
    return {"start": started - began, "build": time.perf_counter() - started, "cpu": time.process_time() - cpu}


def opened(page: Path, profile: Path, moves: int) -> dict[str, float]:
    """In headless Chromium, in milliseconds: to the first contentful paint, until all is read, from a move to its paint."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,1000", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        times: list[tuple[float, float]] = []
        for _ in range(4):
            browser.get(page.as_uri())
            time.sleep(0.5)
            asked = """return [performance.getEntriesByName("first-contentful-paint")[0].startTime,
                performance.getEntriesByType("navigation")[0].domInteractive];"""
            times.append(tuple(browser.execute_script(asked)))
        moved = []
        for n in range(moves):
            moved.append(browser.execute_async_script(MOVE, (n * 37) % 360))
            time.sleep(0.7)
    finally:
        browser.quit()
    paint, ready = (statistics.median(each) for each in zip(*times[1:], strict=True))
    return {"paint": paint, "ready": ready, "move": statistics.median(moved)}


def main() -> None:
    """Prints the medians of several builds, and what a browser says of the last page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("CONFIG", "HOME"), type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(built(*options.one)))
        return
    environment = {name: value for name, value in os.environ.items() if name != "OKR_NOW"}
    with tempfile.TemporaryDirectory(prefix="okr-bench-") as name:
        root = Path(name)
        okr = [sys.executable, "-c", "from okr_pipeline.cli import main; main()"]
        few, many = configured(root / "few", many=False), configured(root / "many", many=True)
        home = root / "home"
        night = [*okr, "run", "--sandbox", "--config", str(few), "--home", str(home), "--date", f"{LAST}"]
        subprocess.run(night, check=True, stdout=subprocess.DEVNULL, env=environment)
        larger = root / "larger"
        larger.mkdir()
        shutil.copy(home / "warehouse.duckdb", larger)
        scored(many, larger)
        for title, config, where, rounds in (
            ("15 key results", few, home, options.rounds),
            (f"{MANY:,} key results", many, larger, 1),
        ):
            one = [sys.executable, "-m", "benchmarks.page", "--one", str(config), str(where)]
            answers = [subprocess.run(one, check=True, capture_output=True, text=True).stdout for _ in range(rounds)]
            spent: list[dict[str, Any]] = [json.loads(answer) for answer in answers]
            page = where / "published" / "scorecard.html"
            seen = opened(page, root / f"profile-{rounds}", 12)
            median = {key: statistics.median(each[key] for each in spent) for key in spent[0]}
            print(
                f"{title} over a year: start-up {median['start']:.1f} s, page {median['build']:.1f} s"
                f" (processor {median['cpu']:.1f} s), {page.stat().st_size / 1e6:.2f} MB;"
                f" first paint {seen['paint']:.0f} ms, read {seen['ready']:.0f} ms, slider {seen['move']:.0f} ms"
            )


if __name__ == "__main__":
    main()
