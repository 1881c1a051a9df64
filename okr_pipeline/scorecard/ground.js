// What lies behind a number: built when somebody asks for it, of the day and in the language that are shown.
const lazily = (make) => {
  let made;
  return () => (made ??= make());
};
const groundsOf = lazily(() => JSON.parse(document.getElementById("grounds").textContent));

function make(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content ?? []].flat());
  return element;
}

function table(caption, heads, rows) {
  const head = make("thead", make("tr", heads.map((name) => make("th", name, { scope: "col" }))));
  const body = rows.map(([first, ...rest]) => make("tr", [make("th", first, { scope: "row" }), ...rest.map((cell) => make("td", cell, /^[-−–]?[\d.,]*%?$/.test(cell) ? { class: "n" } : {}))]));
  return make("div", make("table", [make("caption", caption), head, make("tbody", body)]), { class: "wide", tabindex: "0", role: "group", "aria-label": caption });
}

function ground(result, row, w) {
  const { loads, results: { [result.id]: found } } = groundsOf();
  const unit = result.every || result.kind === "milestones" ? "" : result.unit;
  const terms = [["ground_formula", w.formula(found, row, result)], ["ground_score", w.sum(row, result)],
    ["ground_window", w.window(row)], ["pace", w.pace(row, result)]];
  const shown = [make("dl", terms.filter(([, said]) => said).flatMap(([name, said]) => [make("dt", w.say(name)), make("dd", said)]))];
  if (w.today < LAST) shown.push(make("p", w.say("ground_latest", { day: w.day(LAST, true) }), { class: "facts" }));
  const told = [[found.days, "ground_days", ["day", ...found.parts], ([day, ...values]) => [day, ...values.map((value) => w.number(value))]],
    [found.restated, "ground_restated", ["day", "ground_first_known", "ground_now"], ([day, first, now]) => [day, ...w.apart(first, now, unit)]],
    [found.said, "ground_said", ["day", "ground_formula", "ground_by", "ground_note"], ([day, value, ...who]) => [day, w.number(value, unit), ...who]]];
  for (const [rows, caption, heads, cells] of told) {
    if (!rows.length) continue;
    const named = heads.map((name) => (name in phrases.en ? w.say(name) : name));
    shown.push(table(w.say(caption), named, rows.map(cells).map(([day, ...rest]) => [w.day(dayOf(day), true), ...rest])));
  }
  if (found.loads.length) {
    const rows = found.loads.map((load) => [load, loads[load]]).filter(([, known]) => known);
    shown.push(table(w.say("ground_loads"), ["ground_load", "ground_table", "ground_known", "ground_through"].map((name) => w.say(name)),
      rows.map(([load, [name, known, through]]) => [load, name, known, through === null ? "–" : w.day(dayOf(through), true)])));
  }
  if (found.queries.length) shown.push(make("p", w.say("ground_sql"), { class: "caption" }));
  for (const [part, what, sql] of found.queries) shown.push(make("pre", make("code", `-- ${part} = ${what}\n${sql}`)));
  return shown;
}

function showGround(details, result, row, w) {
  if (!details?.open) return;
  const [summary] = details.children;
  details.replaceChildren(summary, ...ground(result, row, w));
}
