"use strict";
// The page's words for a day that was chosen: the same phrases, dates and numbers as words.py says, of which each function
// here is the twin. A test compares them, day by day.
const { phrases, months } = JSON.parse(document.getElementById("words").textContent);
const BUDDHIST_ERA = 543;
const MOST = 6; // decimals: smaller is what arithmetic leaves
const format = Object.fromEntries(["en", "th"].map((language) => [language, Object.fromEntries(["decimal", "percent"].map((style) =>
  [style, Array.from({ length: MOST + 1 }, (_, digits) => new Intl.NumberFormat(language, { style, maximumFractionDigits: digits, roundingMode: "halfEven" }))]))]));

class Words {
  constructor(language, today, dateOf) {
    Object.assign(this, { language, today, dateOf });
  }
  say(phrase, values = {}) {
    return phrases[this.language][phrase].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }
  text(text) {
    return text[this.language];
  }
  number(value, unit) {
    if (value === null) return "–";
    const [shown, fewest] = unit === "percent" ? [value * 100, 1] : [value, 2];
    let digits = fewest;
    while (shown && Math.abs(shown) * 10 ** (digits - 1) < 1 && digits < MOST) digits += 1;
    return this.agreed(value, unit, digits);
  }
  agreed(value, unit, digits = MOST) {
    return format[this.language][unit === "percent" ? "percent" : "decimal"][digits].format(value);
  }
  // Two numbers that differ, with as many digits as it takes to tell them apart.
  apart(first, second, unit) {
    const [style, fewest] = unit === "percent" ? ["percent", 1] : ["decimal", 2];
    const said = [];
    for (let digits = fewest; digits < 9 && said[0] === said[1]; digits += 1) {
      const wanted = new Intl.NumberFormat(this.language, { style, maximumFractionDigits: digits, roundingMode: "halfEven" });
      said.splice(0, 2, wanted.format(first), wanted.format(second));
    }
    return said;
  }
  counted(value, unit) {
    return unit === "percent" ? "" : this.text(unit);
  }
  amount(value, unit) {
    return `${this.number(value, unit)} ${this.counted(value, unit)}`.trim();
  }
  share(value) {
    return value === null ? "–" : format[this.language].percent[0].format(value > 0.99 && value < 1 ? 0.99 : value);
  }
  day(day, year) {
    const date = this.dateOf(day);
    const shown = `${date.getUTCDate()} ${months[this.language][date.getUTCMonth()]}`;
    const shows = year ?? date.getUTCFullYear() !== this.dateOf(this.today).getUTCFullYear();
    return shows ? `${shown} ${date.getUTCFullYear() + (this.language === "th" ? BUDDHIST_ERA : 0)}` : shown;
  }
  span(first, last) {
    const [a, b] = [this.dateOf(first), this.dateOf(last)];
    const otherYear = a.getUTCFullYear() !== b.getUTCFullYear();
    const end = this.day(last, otherYear || undefined);
    if (first === last) return end;
    if (!otherYear && a.getUTCMonth() === b.getUTCMonth()) return `${a.getUTCDate()}–${end}`;
    return `${this.day(first, otherYear)} – ${end}`;
  }
  asOf(day, period) {
    const said = this.say("as_of", { day: this.day(day, true) });
    if (!period || day < period.first || day > period.last) return said;
    return `${said} (${this.say("elapsed", { n: day - period.first + 1, total: period.last - period.first + 1 })})`;
  }
  status(row) {
    return this.say(row.status);
  }
  value(row, result) {
    return this.number(row.value, result.every ? "" : result.unit);
  }
  of(row, result) {
    const window = result.window && row.since !== null ? this.span(row.since, row.until) : "";
    return [this.counted(row.value, result.unit), window].filter(Boolean).join(", ");
  }
  way(row) {
    const [score, expected] = [this.share(row.score), this.share(row.expected)];
    if (row.score !== null) return this.say("way", { score, expected });
    return this.expected(row);
  }
  expected(row) {
    return row.expected === null ? "" : this.say("expected", { expected: this.share(row.expected) });
  }
  beside(row, result) {
    if (row.alongside === null || !result.beside) return "";
    const [kind, unit, days] = result.beside;
    const window = this.say(days === 1 ? "trailing_one" : kind, { unit: this.say(unit), days });
    return this.say("alongside", { value: this.amount(row.alongside, result.unit), window });
  }
  data(row) {
    const to = row.to === null ? [] : [this.say("data_to", { day: this.day(row.to) })];
    const final = row.value === null ? [] : [this.say(row.final ? "final" : "not_final")];
    return [...to, ...final, ...(row.manual ? [this.say("manual")] : [])].join(" · ");
  }
  why(row, result) {
    if (!row.reason) return "";
    const code = row.reason in phrases.en ? row.reason : "other_reason";
    const unit = result.reason_unit ? this.say(result.reason_unit) : "";
    const first = result.begins === null ? "" : this.day(result.begins);
    const why = this.say(code, { unit, first, code: row.reason.replaceAll("_", " ") });
    return row.held === null ? this.say("unscored", { why }) : this.say("held", { day: this.day(row.held), why });
  }
  goal(row, result) {
    return this.then(result.goals, result);
  }
  // Of what each version of a key result had, that of the day.
  then(each, result) {
    const version = result.changes.filter((from) => from <= this.today).length - 1;
    return each[Math.max(0, version)][this.language];
  }
  // The formula of the metric, then with its numbers: `numerator / denominator = 287 / 512 = 56.1%`.
  formula({ formula }, row, result) {
    if (row.value === null) return formula;
    if (result.every) return `${this.say("ground_kept")} = ${this.number(row.value)}`;
    if (result.kind === "milestones") return `${this.say("ground_steps")} = ${this.share(row.score)}`;
    const filled = formula.replace(/[A-Za-z_]\w*/g, (name) => (row.parts && name in row.parts ? this.number(row.parts[name]) : name));
    return [...new Set([formula, filled, this.number(row.value, result.unit)])].join(" = ");
  }
  // The score's own formula with its numbers: `(34.1% − 30%) ÷ (40% − 30%) = 41%`.
  sum(row, result) {
    if (row.value === null || row.start === null || row.goal === null || result.kind === "milestones") return this.share(row.score);
    const unit = result.every ? "" : result.unit;
    const [a, b, c] = [this.number(row.value, unit), this.agreed(row.start, unit), this.agreed(row.goal, unit)];
    const [said, progress] = result.kind === "at_most" && !result.baseline && !result.every
      ? [`1 + (${c} − ${a}) ÷ ${c}`, 1 + (row.goal - row.value) / row.goal]
      : [row.start ? `(${a} − ${b}) ÷ (${c} − ${b})` : `${a} ÷ ${c}`, (row.value - row.start) / (row.goal - row.start)];
    const capped = progress < 0 || progress > 1;
    const score = this.share(row.score);
    return `${said} = ${capped ? this.say("ground_capped", { progress: this.share(progress), score }) : score}`;
  }
  pace(row, result) {
    if (row.expected === null || row.pace === null) return "";
    const points = result.points ? this.then(result.points, result) : "";
    const named = points ? "pace_checkpoints" : `pace_${row.pace.replaceAll(" ", "_")}`;
    const pace = this.say(named, { points });
    return `${this.share(row.expected)} · ${result.lag ? this.say(result.lag === 1 ? "pace_lag_one" : "pace_lag", { pace, days: result.lag }) : pace}`;
  }
  step(state, day) {
    return this.say(`step_${state}`, { day: day === null ? "" : this.day(day) });
  }
  window(row) {
    return row.since === null ? "–" : this.span(row.since, row.until);
  }
  coverage(row) {
    return row.coverage >= 1 ? this.say("coverage_all") : this.say("coverage_some", { share: this.share(row.coverage ?? 0) });
  }
  score(row) {
    return this.share(row.score);
  }
  turned(row) {
    return row.turned === null ? "" : this.say("turned", { day: this.day(row.turned) });
  }
  interval(state, value, result) {
    return this.say(`interval_${state}`) + (value === null ? "" : ` (${this.amount(value, result.unit)})`);
  }
  headline(statuses) {
    const good = statuses.filter((status) => status === "on_track" || status === "achieved").length;
    const over = statuses.every((status) => status === "achieved" || status === "missed");
    return this.say(over ? "headline_end" : "headline", { n: this.number(good), total: this.number(statuses.length) });
  }
  change({ kind, before, now }) {
    const said = kind === "score" ? (row) => this.share(row.score) : (row) => this.say(row.status);
    const moved = now.score > before.score ? "up" : "down";
    const values = { before: said(before), now: said(now), status: this.say(now.status) };
    return this.say(`changed_${kind === "score" ? moved : kind}`, values) + (now.manual ? `, ${this.say("manual")}` : "");
  }
}
