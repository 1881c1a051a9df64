// The tools of the page: the day, the filters, and what is remembered of them. Without them the page shows its own day, whole.
const WEEK = 7;
const TOLD = 8;
const BEHIND = ["off_track", "missed", "at_risk"];
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector, within = document) => within.querySelector(selector);
const slider = one("#day");
const objectives = new Map(timeline.objectives.map((objective) => [objective.id, objective]));
const period = new Set(timeline.objectives.map(({ first, last }) => `${first} ${last}`)).size === 1 ? timeline.objectives[0] : null;
const sections = new Map(all("[data-objective]").map((element) => [element, objectives.get(element.dataset.objective)]));
const cards = new Map(timeline.results.map((result) => [result.id, one(`[data-key-result="${result.id}"]`)]));
const results = new Map(timeline.results.map((result) => [result.id, result]));
const glances = new Map(all("[data-glance]").map((element) => [element.dataset.glance, element]));
const ALWAYS = new Set(["on_track", "at_risk", "off_track", "no_score"]);
const slots = Object.fromEntries(["headline", "as_of", "day", "since", "held"].map((name) => [name, all(`[data-say=${name}]`)]));
const counts = all("[data-count]");
const inView = new Set();
let day = LAST;
let spoken = {};

// Only what is different is written: a page of a thousand key results has little time for the rest.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function set(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function setStatus(element, status) {
  if (element.classList.contains(`is-${status}`)) return;
  element.className = element.className.replace(/\bis-(?!held)\w+/, `is-${status}`);
  const shown = one(".status", element);
  shown.className = `status is-${status}`;
  set(one("use", shown), "href", `#i-${status}`);
}

const SAYS = ["status", "turned", "why", "value", "of", "goal", "way", "beside", "data", "coverage", "score", "expected"];

function say(element, row, thing) {
  for (const slot of all("[data-say]", element)) {
    const { say: name } = slot.dataset;
    if (!SAYS.includes(name) || (name === "of" && thing.every) || (name === "goal" && !thing.goals)) continue;
    put(slot, spoken[slot.closest("[lang]").lang][name](row, thing));
  }
}

function setBar(element, row) {
  const bar = one(".bar", element);
  if (!bar) return;
  set(one(".done", bar), "width", `${(row.score ?? 0) * 100}%`);
  set(one(".due", bar), "x", `${(row.expected ?? 0) * 100}%`);
}

// The line is drawn whole: later days are cut off, at one place for all charts of a period, and the point goes to the day's value.
const cuts = new Map();
function cut(first, last, width) {
  const name = `cut-${first}-${last}-${width}`;
  if (!cuts.has(name)) {
    const shape = one(".cuts clipPath").cloneNode(true);
    shape.id = name;
    one(".cuts").append(shape);
    cuts.set(name, shape.firstChild);
  }
  const x = Math.min(1, (day - first) / (last - first)) * width;
  cuts.get(name).setAttribute("width", day < LAST ? Math.max(0, x) + 9 : 9999);
  return [x, `url(#${name})`];
}

function setChart(svg, thing, value) {
  if (!svg || !thing.frame) return;
  const [first, last, low, high] = thing.frame;
  const [width, height] = svg.closest(".trend") ? [132, 34] : [300, 84];
  const [x, where] = cut(first, last, width);
  for (const line of all(".value, .held, .restated, .said", svg)) line.setAttribute("clip-path", where);
  const point = one(".now path", svg);
  if (!point) return;
  point.setAttribute("visibility", value === null || day < first ? "hidden" : "visible");
  if (value !== null) point.setAttribute("transform", `translate(${x},${(1 - (value - low) / (high - low)) * height})`);
}

function setBoxes(element, result, row) {
  all(".intervals > li", element).forEach((box, n) => {
    const [state, value] = stateOf(result.boxes[n], day, row);
    box.className = state;
    set(one("use", box), "href", `#i-interval-${state}`);
    for (const slot of all("[data-say=interval]", box)) put(slot, spoken[slot.lang].interval(state, value, result));
  });
}

function setSteps(element, row) {
  const steps = row.steps ?? [];
  all(".steps > li", element).forEach((item, n) => {
    const [state, on] = stateOfStep(steps[n] ?? {}, day);
    item.className = state;
    set(one("use", item), "href", `#i-interval-${state}`);
    for (const slot of all("[data-say=step]", item)) put(slot, spoken[slot.closest("[lang]").lang].step(state, on));
  });
}

function setNumbers(element, row) {
  for (const name of ["value", "score", "expected", "alongside"]) {
    if (row[name] === null) delete element.dataset[name];
    else element.dataset[name] = row[name];
  }
}

// An objective and its key results. Those out of view wait until they come into it, or until there is time.
function show(section) {
  if (section.dataset.day === String(day)) return;
  section.dataset.day = day;
  const objective = sections.get(section);
  const row = rowOf(objective, day);
  setStatus(section, row.status);
  say(one("header", section), row, objective);
  setChart(one(".trend svg", section), objective, row.score);
  for (const element of all("[data-key-result]", section)) {
    const result = results.get(element.dataset.keyResult);
    const scored = rowOf(result, day);
    setStatus(element, scored.status);
    element.classList.toggle("is-held", scored.held !== null);
    setNumbers(element, scored);
    say(element, scored, result);
    setBar(element, scored);
    setChart(one(".chart svg", element), result, scored.value);
    setBoxes(element, result, scored);
    setSteps(element, scored);
    showGround(one("details", element), result, scored, spoken[language()]);
  }
}

function showRest() {
  const began = performance.now();
  for (const section of sections.keys()) {
    if (section.dataset.day !== String(day)) show(section);
    if (performance.now() - began > 12) return void (waiting = setTimeout(showRest));
  }
}

const picked = () => Object.fromEntries(all("[data-pick]").map((select) => [select.dataset.pick, select.value]));

function fits(result, row, { team = "", owner = "", status }) {
  const objective = objectives.get(result.objective);
  return (!team || objective.team === team) && (!owner || result.owner === owner) && (!status || row.status === status);
}

// What stands above the objectives, and which of them are there at all.
let narrowed = false;
function showSummary() {
  const wanted = picked();
  const rows = timeline.results.map((result) => [result, shortOf(result, day)]).filter(([result, row]) => fits(result, row, wanted));
  const statuses = rows.map(([, row]) => row.status);
  const held = rows.filter(([, row]) => row.held !== null).length;
  for (const [name, said] of [["headline", (w) => w.headline(statuses)], ["as_of", (w) => w.asOf(day, period)],
    ["day", (w) => w.day(day, true)], ["since", (w) => w.say("changed_week", { day: w.day(day - WEEK) })],
    ["held", (w) => w.say("headline_held", { n: w.number(held) })]]) {
    for (const slot of slots[name]) put(slot, said(spoken[slot.closest("[lang]").lang]));
  }
  slider.setAttribute("aria-valuetext", spoken[language()].day(day, true));
  let x = 0;
  for (const item of counts) {
    const name = item.dataset.count;
    const n = name === "held" ? held : statuses.filter((status) => status === name).length;
    item.hidden = !n && !ALWAYS.has(name);
    item.classList.toggle("zero", !n);
    const bar = one(`.share .is-${name}`);
    if (!bar) continue;
    put(one("b", item), spoken.en.number(n));
    set(bar, "x", `${x}%`);
    set(bar, "width", `${(n / (rows.length || 1)) * 100}%`);
    x += (n / (rows.length || 1)) * 100;
  }
  for (const [id, element] of glances) {
    const row = shortOf(objectives.get(id), day);
    setStatus(element, row.status);
    setBar(element, row);
    put(one(".number", element), spoken.en.score(row));
    for (const slot of all("[data-say=status]", element)) put(slot, spoken[slot.lang].status(row));
  }
  const narrows = Object.values(wanted).some(Boolean);
  if (narrows || narrowed) narrow(new Set(rows.map(([result]) => result.id)), narrows);
  narrowed = narrows;
  one(".none").hidden = rows.length > 0;
  tell(".changed", changesBetween(rows.map(([result]) => result), day - WEEK, day), "changed_none",
    ({ result, now, ...change }) => [result, now.status, (w) => w.change({ now, ...change })]);
  const behind = rows.filter(([, row]) => BEHIND.includes(row.status)).sort(([, a], [, b]) => BEHIND.indexOf(a.status) - BEHIND.indexOf(b.status));
  tell(".attention", behind, "attention_none", ([result, row]) => [result, row.status, (w) => `${w.status(row)} ${w.turned(row)} · ${w.way(row)}`]);
}

function narrow(fitting, narrows) {
  for (const [element, objective] of sections) {
    const own = all("[data-key-result]", element);
    for (const card of own) card.hidden = !fitting.has(card.dataset.keyResult);
    element.hidden = narrows && own.every((card) => card.hidden);
    glances.get(objective.id).hidden = element.hidden;
  }
}

// A list above the objectives, no longer than it can be read: key result, status, and what there is to tell.
const both = (said) => ["en", "th"].map((lang) => Object.assign(document.createElement("span"), { className: lang, lang, textContent: said(lang) }));
function tell(where, found, none, telling) {
  const items = found.slice(0, TOLD).map((each) => {
    const [result, status, said] = telling(each);
    const item = one("#told").content.cloneNode(true);
    const [link, shown] = [one("a", item), one(".status", item)];
    link.href = `#${result.id}`;
    link.append(...both((lang) => one(`h3 .${lang}`, cards.get(result.id)).textContent));
    shown.className = `status is-${status}`;
    one("use", shown).setAttribute("href", `#i-${status}`);
    shown.append(...both((lang) => said(spoken[lang])));
    return item;
  });
  if (!found.length) items.push(make("li", both((lang) => spoken[lang].say(none))));
  if (found.length > TOLD) items.push(make("li", both((lang) => spoken[lang].say("more", { n: spoken[lang].number(found.length - TOLD) })), { class: "facts" }));
  one(`${where} ul`).replaceChildren(...items);
}

let waiting;
function go(to) {
  day = Math.max(0, Math.min(LAST, to));
  slider.value = day;
  spoken = { en: new Words("en", day, dateOf), th: new Words("th", day, dateOf) };
  document.body.classList.toggle("is-past", day < LAST);
  one("#latest").hidden = day === LAST;
  showSummary();
  for (const section of inView) show(section);
  clearTimeout(waiting);
  waiting = setTimeout(showRest, 60);
}

const language = () => (one("#choose-th").checked ? "th" : "en");

function showGroundOf(details) {
  const result = results.get(details.closest("[data-key-result]").dataset.keyResult);
  showGround(details, result, rowOf(result, day), spoken[language()]);
}

function speak() {
  all("details[open]").forEach(showGroundOf);
  document.documentElement.lang = language();
  document.documentElement.dataset.theme = one(".theme input:checked").id;
  for (const select of all("[data-pick]")) {
    select.options[0].textContent = spoken[language()].say("all");
    if (select.dataset.pick === "status") for (const option of [...select.options].slice(1)) option.textContent = spoken[language()].say(option.value);
  }
  slider.setAttribute("aria-valuetext", spoken[language()].day(day, true));
}

// A browser that keeps nothing for files on disk is no reason to fail.
function remember(choice) {
  try {
    localStorage.setItem(`okr ${choice.name}`, choice.id);
  } catch {
    return;
  }
}
function recall(name) {
  try {
    return localStorage.getItem(`okr ${name}`);
  } catch {
    return null;
  }
}

slider.max = LAST;
slider.disabled = LAST < 1;
one(".tools").hidden = false;
for (const choice of all(".choice input")) {
  if (recall(choice.name) === choice.id) choice.checked = true;
  choice.addEventListener("change", () => (remember(choice), speak()));
}
for (const details of all(".ground")) details.addEventListener("toggle", () => showGroundOf(details));
slider.addEventListener("input", () => go(slider.valueAsNumber));
one("#latest").addEventListener("click", () => (go(LAST), slider.focus()));
for (const select of all("[data-pick]")) select.addEventListener("change", () => go(day));
addEventListener("beforeprint", () => [...sections.keys()].forEach(show));
const watching = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    inView[isIntersecting ? "add" : "delete"](target);
    if (isIntersecting && slider.valueAsNumber !== LAST) show(target);
  }
}, { rootMargin: "200px" });
for (const section of sections.keys()) {
  section.dataset.day = LAST;
  watching.observe(section);
}
day = LAST;
slider.value = LAST;
spoken = { en: new Words("en", day, dateOf), th: new Words("th", day, dateOf) };
one("#latest").hidden = true;
speak();
