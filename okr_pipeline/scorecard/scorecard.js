// The tools of the page: the day, the filters, and what is remembered of them. Without them the page shows its own day, whole.
const WEEK = 7;
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
const inView = new Set();
let day = LAST;
let spoken = {};

function setStatus(element, status) {
  element.className = element.className.replace(/\bis-(?!held)\w+/, `is-${status}`);
  const shown = one(".status", element);
  shown.className = `status is-${status}`;
  one("use", shown).setAttribute("href", `#i-${status}`);
}

const SAYS = ["status", "why", "value", "of", "way", "beside", "data", "parts", "sum", "window", "coverage", "score"];

function say(element, row, thing) {
  for (const slot of all("[data-say]", element)) {
    if (!SAYS.includes(slot.dataset.say) || (slot.dataset.say === "of" && thing.every)) continue;
    const said = spoken[slot.closest("[lang]").lang][slot.dataset.say](row, thing);
    if (slot.textContent !== said) slot.textContent = said;
  }
}

function setBar(element, row) {
  const bar = one(".bar", element);
  if (!bar) return;
  one(".done", bar).setAttribute("width", `${(row.score ?? 0) * 100}%`);
  one(".due", bar).setAttribute("x", `${(row.expected ?? 0) * 100}%`);
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
  for (const line of all(".value, .held, .restated", svg)) line.setAttribute("clip-path", where);
  const point = one(".now path", svg);
  if (!point) return;
  point.setAttribute("visibility", value === null || day < first ? "hidden" : "visible");
  if (value !== null) point.setAttribute("transform", `translate(${x},${(1 - (value - low) / (high - low)) * height})`);
}

function setBoxes(element, result, row) {
  all(".intervals > li", element).forEach((box, n) => {
    const [state, value] = stateOf(result.boxes[n], day, row);
    box.className = state;
    one("use", box).setAttribute("href", `#i-interval-${state}`);
    for (const slot of all("[data-say=interval]", box)) slot.textContent = spoken[slot.lang].interval(state, value, result);
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
function showSummary() {
  const wanted = picked();
  const rows = timeline.results.map((result) => [result, rowOf(result, day)]).filter(([result, row]) => fits(result, row, wanted));
  const fitting = new Set(rows.map(([result]) => result.id));
  const statuses = rows.map(([, row]) => row.status);
  for (const [name, said] of [["headline", (w) => w.headline(statuses)], ["as_of", (w) => w.asOf(day, period)],
    ["day", (w) => w.day(day, true)], ["since", (w) => w.say("changed_week", { day: w.day(day - WEEK) })],
    ["held", (w) => w.say("headline_held", { n: rows.filter(([, row]) => row.held !== null).length })]]) {
    for (const slot of all(`[data-say=${name}]`)) slot.textContent = said(spoken[slot.closest("[lang]").lang]);
  }
  slider.setAttribute("aria-valuetext", spoken[language()].day(day, true));
  let x = 0;
  for (const item of all("[data-count]")) {
    const name = item.dataset.count;
    const n = name === "held" ? rows.filter(([, row]) => row.held !== null).length : statuses.filter((status) => status === name).length;
    item.hidden = !n && !ALWAYS.has(name);
    item.classList.toggle("zero", !n);
    const bar = one(`.share .is-${name}`);
    if (!bar) continue;
    one("b", item).textContent = n;
    bar.setAttribute("x", `${x}%`);
    bar.setAttribute("width", `${(n / (rows.length || 1)) * 100}%`);
    x += (n / (rows.length || 1)) * 100;
  }
  for (const [id, element] of glances) {
    const row = rowOf(objectives.get(id), day);
    setStatus(element, row.status);
    setBar(element, row);
    one(".number", element).textContent = spoken.en.score(row);
    for (const slot of all("[data-say=status]", element)) slot.textContent = spoken[slot.lang].status(row);
  }
  const narrowed = Object.values(wanted).some(Boolean);
  for (const [element, objective] of sections) {
    const own = all("[data-key-result]", element);
    for (const card of own) card.hidden = !fitting.has(card.dataset.keyResult);
    element.hidden = narrowed && own.every((card) => card.hidden);
    glances.get(objective.id).hidden = element.hidden;
  }
  one(".none").hidden = rows.length > 0;
  showChanges(rows.map(([result]) => result));
}

function showChanges(chosen) {
  const list = one(".changed ul");
  const told = changesBetween(chosen, day - WEEK, day);
  const both = (said) => ["en", "th"].map((lang) => Object.assign(document.createElement("span"), { className: lang, lang, textContent: said(lang) }));
  list.replaceChildren(...told.map((change) => {
    const item = one("#change").content.cloneNode(true);
    const [link, status] = [one("a", item), one(".status", item)];
    link.href = `#${change.result.id}`;
    link.append(...both((lang) => one(`h3 .${lang}`, cards.get(change.result.id)).textContent));
    status.className = `status is-${change.now.status}`;
    one("use", status).setAttribute("href", `#i-${change.now.status}`);
    status.append(...both((lang) => spoken[lang].change(change)));
    return item;
  }));
  if (!told.length) {
    const item = document.createElement("li");
    item.append(...both((lang) => spoken[lang].say("changed_none")));
    list.append(item);
  }
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

function speak() {
  document.documentElement.lang = language();
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
