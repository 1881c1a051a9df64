"""The lists and calendars that people keep by hand in the sandbox's drop folder: for each file a header and its rows.

Up to 15 November 2026 they are written out, because the demo is about them; the rest of the year follows a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from okr_pipeline.sandbox.keywords import TARGET_KEYWORDS

Cell = str | int | bool | date | Decimal | None
Rows = list[tuple[Cell, ...]]  # the first is the header

SEED = 25_701
DEMO, END = date(2026, 11, 15), date(2027, 9, 30)
TEAM = {  # person -> joined on, role
    "กนกวรรณ": (date(2024, 2, 1), "content lead"),
    "ธีรภัทร": (date(2024, 2, 1), "SEO specialist"),
    "พิมพ์ชนก": (date(2024, 6, 17), "copywriter"),
    "Anan": (date(2024, 9, 2), "web developer"),
    "ศิริพร": (date(2025, 1, 13), "social media"),
    "วรเชษฐ์": (date(2025, 3, 3), "campaign manager"),
    "Mali": (date(2025, 8, 18), "designer"),
    "ณัฐพงศ์": (date(2025, 11, 3), "analyst"),
    "สุดารัตน์": (date(2026, 4, 20), "copywriter"),
    "ปกรณ์": (date(2026, 11, 2), "content creator"),
}
FEATURES = (
    "เปิดเครื่องจากมือถือ", "แจ้งเตือนเปลี่ยนไส้กรอง", "โหมดประหยัดไฟ", "สั่งงานด้วยเสียง", "สูตรอาหารในแอป",
    "Family sharing", "รายงานค่าไฟรายเดือน", "Air-quality map", "ตั้งเวลาตามตารางงาน", "ลงทะเบียนรับประกันด้วย QR",
    "Self-cleaning cycle", "โหมดเงียบกลางคืน", "Spare-part finder", "แชตกับช่าง", "โหมดผ้าเด็ก",
    "Rice presets", "ติดตามการจัดส่ง", "Trade-in quote", "คู่มือแบบวิดีโอ", "Pet-hair mode",
    "ต่ออายุประกัน", "Holiday mode", "แนะนำผงซักฟอก", "Smart-meter link",
)  # fmt: skip
RANKED = (  # one day for each feature; the last two have not been ranked yet
    "2026-06-09", "2026-06-23", "2026-07-07", "2026-08-04", "2026-08-18", "2026-09-15",
    "2026-10-06", "2026-10-06", "2026-10-20", "2026-10-20", "2026-11-03", "2026-11-10",
    "2026-11-24", "2026-12-01", "2026-12-08", "2027-01-12", "2027-02-09", "2027-03-09",
    "2027-04-20", "2027-05-11", "2027-06-15", "2027-08-10", None, None,
)  # fmt: skip
SEMINARS = {  # held on -> teams, topic; one team alone makes no joint seminar
    "2026-07-15": (("marketing", "product"), "เส้นทางลูกค้าเครื่องใช้ไฟฟ้า"),
    "2026-09-10": (("marketing", "sales"), "Reading the sales funnel together"),
    "2026-09-24": (("marketing",), "การเขียนหัวข้อโฆษณา"),
    "2026-10-09": (("marketing", "product"), "แผนผลิตภัณฑ์กับแผนการตลาด"),
    "2026-11-05": (("marketing", "sales", "product"), "Launch retrospective"),
    "2026-12-03": (("marketing", "service"), "เสียงของลูกค้าหลังการขาย"),
    "2026-12-17": (("marketing", "product", "data"), "Measuring features in use"),
    "2027-01-21": (("marketing", "sales"), "คุณภาพลีด"),
    "2027-02-18": (("marketing", "data"), "Experiments that decide"),
    "2027-03-18": (("marketing", "product"), "แคมเปญหน้าร้อน"),
    "2027-05-20": (("marketing", "service", "sales"), "Warranty as a promise"),
    "2027-07-15": (("marketing", "product"), "แผนครึ่งปีหลัง"),
    "2027-09-16": (("marketing", "sales", "data"), "ทบทวนปีงบประมาณ 2570"),
}
WEBINARS = {  # attended on -> webinar; no webinar in February 2027
    "2026-06-18": "Search after AI answers", "2026-08-20": "ครีเอเตอร์กับแบรนด์", "2026-09-17": "Consent and cookies",
    "2026-10-08": "Short video that sells", "2026-10-15": "เทรนด์ค้นหาด้วยเสียง", "2026-10-28": "Zero-party data",
    "2026-11-12": "การตลาดผ่านแชต", "2026-12-09": "Attribution in 2027", "2027-01-14": "เทรนด์การตลาดปี 2570",
    "2027-03-11": "Retail media", "2027-04-22": "คอนเทนต์ชุมชน", "2027-05-13": "Marketing mix models",
    "2027-06-10": "Brand search", "2027-07-08": "ไลฟ์คอมเมิร์ซ", "2027-08-12": "Agents that shop",
    "2027-09-09": "Planning with less data",
}  # fmt: skip
COSTS = (
    ("2026-10-05", "course licences", "84500.75"),
    ("2026-10-20", "coaching", "36250.50"),
    ("2026-11-03", "conference", "42890.25"),
)
BENEFITS = (
    ("2026-10-09", "agency work done in-house", "62115.60"),
    ("2026-10-23", "automated reports", "79480.35"),
    ("2026-11-06", "agency work done in-house", "81954.60"),
    ("2026-11-13", "better bidding", "95430.85"),
)
CHECKS = {  # + passed, - failed; six of the nine checked had passed their last one by the demo's day
    "กนกวรรณ": "-2026-08-12 +2026-10-14",
    "ธีรภัทร": "+2026-09-02 -2026-10-14 +2026-11-04",
    "พิมพ์ชนก": "-2026-07-22 +2026-10-21",
    "Anan": "+2026-08-26 -2026-11-11",
    "ศิริพร": "-2026-09-16 +2026-10-28",
    "วรเชษฐ์": "-2026-10-07 -2026-10-28 +2026-11-11",
    "Mali": "-2026-09-23",
    "ณัฐพงศ์": "+2026-10-21 -2026-11-11",
    "สุดารัตน์": "+2026-08-05 +2026-11-04",
}
AUDITS = ("2026-10-08", "2026-10-29", "2026-11-06", "2026-11-19")  # none in 12–25 October
NO_TARGET = {date(2026, 10, 12), date(2027, 2, 15), date(2027, 8, 9)}  # weeks
NO_ROADMAP = {date(2026, 11, 2), date(2027, 4, 12)}  # weeks whose only target is tied to nothing


def features() -> Rows:
    """Features in the order in which the product team ranked them."""
    rows: Rows = [("feature_id", "feature", "ranked_on", "rank")]
    for number, (feature, day) in enumerate(zip(FEATURES, RANKED, strict=True), start=1):
        rows.append((f"F-{number:02d}", feature, day, number if day else None))
    return rows


def seminars() -> Rows:
    """One row for each team that takes part in a seminar."""
    held = [(f"S-{number:02d}", day, *what) for number, (day, what) in enumerate(SEMINARS.items(), start=1)]
    return [
        ("seminar_id", "held_on", "team", "topic"),
        *((number, day, team, topic) for number, day, teams, topic in held for team in teams),
    ]


def weekly_targets() -> Rows:
    """Targets by the Monday of their week; some are tied to no roadmap item."""
    rng = np.random.default_rng([SEED, 1])
    rows: Rows = [("target_id", "week_of", "target", "roadmap_item")]
    for week in _every(7, date(2026, 6, 1)):
        size, share = int(rng.integers(1, 4)), rng.random(4)
        for index in range(0 if week in NO_TARGET else 1 if week in NO_ROADMAP else size):
            tied = week not in NO_ROADMAP and (index == 0 or share[index] < 0.6)
            target = f"{int(20 + 80 * share[index])} {('ลีด', 'sign-ups', 'บทความ')[index]}"
            rows.append((f"T-{len(rows):03d}", week, target, f"RM-{int(10 + 30 * share[3])}" if tied else None))
    return rows


def webinars() -> Rows:
    """One row for each person who attended a webinar."""
    rng = np.random.default_rng([SEED, 2])
    rows: Rows = [("attended_on", "webinar", "attendee")]
    for day, webinar in WEBINARS.items():
        known = [person for person, (joined, _) in TEAM.items() if joined <= date.fromisoformat(day)]
        people = rng.choice(known, int(rng.integers(1, 5)), replace=False)
        rows.extend((date.fromisoformat(day), webinar, str(person)) for person in people)
    return rows


def programme_costs() -> Rows:
    """What the development programme cost, in baht."""
    return [("cost_id", "paid_on", "item", "amount"), *_amounts("C", COSTS, (5, 20), 38_000)]


def programme_benefits() -> Rows:
    """What the development programme was worth, in baht."""
    return [("benefit_id", "realised_on", "source", "amount"), *_amounts("B", BENEFITS, (9, 23), 76_000)]


def team() -> Rows:
    """The people of the team."""
    return [("person", "joined_on", "role"), *((person, *about) for person, about in TEAM.items())]


def seo_checks() -> Rows:
    """One row for each check of a person's work; people are checked again and again."""
    rng = np.random.default_rng([SEED, 3])
    checks = [(person, check[1:], check[0] == "+") for person, each in CHECKS.items() for check in each.split()]
    for number, day in enumerate(_every(28, date(2026, 11, 25))):
        chosen = rng.choice(list(TEAM), 7, replace=False)
        passed = rng.random(len(chosen)) < 0.7 + 0.02 * number
        checks += [(str(person), day.isoformat(), bool(good)) for person, good in zip(chosen, passed, strict=True)]
    checks.sort(key=lambda check: check[1])
    return [
        ("person", "checked_on", "passed"),
        *((person, day, "yes" if good else "no") for person, day, good in checks),
    ]


def keywords() -> Rows:
    """The target keywords, as typed."""
    rows: Rows = [("keyword", "added_on", "topic")]
    for number, keyword in enumerate(TARGET_KEYWORDS):
        topic = (
            "price"
            if "ราคา" in keyword
            else "how-to"
            if keyword.strip().startswith(("วิธี", "สูตร", "เมนู"))
            else "product"
        )
        rows.append((keyword, date(2025, 1, 6) + timedelta(days=10 * number), topic))
    return rows


def seo_audits() -> Rows:
    """Audits of popular pages, at least one in most two-week intervals."""
    rng = np.random.default_rng([SEED, 4])
    before = [
        start + timedelta(days=int(rng.integers(14))) for start in _every(14, date(2026, 6, 8), date(2026, 9, 27))
    ]
    after = [start + timedelta(days=int(rng.integers(14))) for start in _every(14, date(2026, 11, 23))]
    days = [*before, *map(date.fromisoformat, AUDITS), *(day for day in after if day.month != 3)]  # none in March
    auditors = rng.choice(["ธีรภัทร", "Anan", "ณัฐพงศ์"], len(days)).tolist()
    rows: Rows = [("audit_id", "audited_on", "page", "auditor")]
    for number, (day, auditor) in enumerate(zip(days, auditors, strict=True), start=1):
        rows.append((f"A-{number:02d}", day, f"/guides/{number % 9 + 1}", auditor))
    return rows


def _every(days: int, first: date, last: date = END) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=days)


def _amounts(prefix: str, known: tuple[tuple[str, str, str], ...], on: tuple[int, int], mean: int) -> Rows:
    """The known amounts, with others around the mean (in baht) on two days of every other month."""
    rng = np.random.default_rng([SEED, mean])
    found = [(date.fromisoformat(day), item, Decimal(amount)) for day, item, amount in known]
    written = {(day.year, day.month) for day, _, _ in found}
    for month in np.arange("2026-06", "2027-10", dtype="datetime64[M]").tolist():
        for day in on:
            satang = int(rng.integers(60 * mean, 140 * mean))
            if (month.year, month.month) not in written:
                found.append((month.replace(day=day), known[day % len(known)][1], Decimal(satang) / 100))
    found.sort(key=lambda row: row[0])
    return [(f"{prefix}-{number:03d}", *row) for number, row in enumerate(found, start=1)]


LISTS: Mapping[str, Callable[[], Rows]] = {
    "features.csv": features,
    "seminars.csv": seminars,
    "weekly_targets.csv": weekly_targets,
    "webinars.xlsx": webinars,
    "programme_costs.xlsx": programme_costs,
    "programme_benefits.csv": programme_benefits,
    "team.csv": team,
    "seo_checks.csv": seo_checks,
    "keywords.csv": keywords,
    "seo_audits.csv": seo_audits,
}
