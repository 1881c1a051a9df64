"""A chart for each set of marks: only its own, no point that a line passes anyway, and its labels as text in every language."""

from __future__ import annotations

import re

from snapshot import SHIPPED, TODAY

from okr_pipeline.config import load
from okr_pipeline.scorecard.charts import value_charts
from okr_pipeline.scorecard.drawing import draw, point, rule, text
from okr_pipeline.scorecard.words import Words


def line(*places: tuple[float, float], name: str = "1") -> list[dict[str, object]]:
    return [point("value", x, y, name) for x, y in places]


def test_each_chart_has_its_own_marks_and_one_without_any_stays_empty() -> None:
    first, none, last = draw(
        [line((0, 0), (1, 1)), [], [*line((0, 1), (1, 0)), point("now", 1, 0)]], 100, 50, top=2, bottom=3
    )
    path = '<path d="M0,50L100,0" stroke="var(--line)"/>'
    assert first == f'<svg aria-hidden="true" viewBox="-5 -2 113 55"><g class="value">{path}</g></svg>'
    assert "<g" not in none
    assert 'd="M0,0L100,50"' in last
    assert last.count('<g class="now">') == 1


def test_a_line_bends_where_its_points_do_and_lines_of_two_names_are_not_joined() -> None:
    straight, bent, two = draw(
        [
            line((0, 0), (0.25, 0.25), (0.5, 0.5), (1, 1)),
            line((0, 0), (0.5, 0), (0.6, 1), (1, 1)),
            [*line((0, 0), (0.4, 0.4)), *line((0.6, 0.6), (1, 1), name="2")],
        ],
        100,
        100,
    )
    assert re.findall(r' d="([^"]+)"', straight) == ["M0,100L100,0"]
    assert re.findall(r' d="([^"]+)"', bent) == ["M0,100L50,100L60,0L100,0"]
    assert re.findall(r' d="([^"]+)"', two) == ["M0,100L40,60", "M60,40L100,0"]


def test_labels_stand_in_every_language_as_text() -> None:
    hostile = '</text><script>alert("x")</script>'
    drawn = draw(
        [[rule(0, 0.5, 1, 0.5, "goal"), text({"en": hostile, "th": "เป้าหมาย 5"}, 1, 0.5, dy=-8, align="right")]],
        100,
        50,
    )
    english, thai = (re.search(rf'<g class="{name}">(.*?)</g>', drawn[0]) for name in ("en", "th"))
    assert english
    assert thai
    assert english[1].count("<") == 2
    assert "&lt;/text&gt;&lt;script&gt;" in english[1]
    assert ">เป้าหมาย 5</text>" in thai[1]
    assert 'text-anchor="end"' in thai[1]
    assert 'stroke="var(--goal)"' in drawn[0]


def test_two_bounds_that_lie_close_to_each_other_are_named_above_and_below_their_lines() -> None:
    result = load(SHIPPED, {}, unset_is_wrong=False).key_results["joint-seminars"]
    row = {"baseline": None, "target": None, "lower_bound": 4, "upper_bound": 5}
    day = {"x": TODAY.toordinal(), "y": 100, "held": False, "run": 1, "said": False}
    day |= dict.fromkeys(("expected", "first_known"))
    (chart,) = value_charts([(result, row, [day])], [Words("en", TODAY)])
    lower, upper = (re.search(rf'translate\([\d.]+,([\d.]+)\)"[^>]*>target {n}<', chart.svg) for n in (4, 5))
    assert lower
    assert upper
    assert float(lower[1]) - float(upper[1]) > 11, "as high as its letters are"
