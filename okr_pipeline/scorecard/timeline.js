// Any day of the page: the twin of timeline.py. A column is [the days on which it changes, what it is from then on].
const timeline = JSON.parse(document.getElementById("timeline").textContent);
const LAST = timeline.days - 1;
const dayOf = (iso) => Math.round((Date.parse(iso) - Date.parse(timeline.first)) / 86400000);
const dateOf = (day) => new Date(Date.parse(timeline.first) + day * 86400000);

// What a column holds on a day, and since which day.
function found(number, day) {
  const [days, values] = timeline.columns[number] ?? [[], []];
  let [low, high] = [0, days.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (days[middle] <= day) low = middle + 1;
    else high = middle;
  }
  return low ? [values[low - 1], days[low - 1]] : [null, null];
}
const at = (number, day) => found(number, day)[0];

const COLUMNS = ["status", "value", "score", "expected", "reason", "final", "manual", "alongside", "parts", "steps", "pace", "start", "goal", "held",
  "to", "since", "until", "coverage"];

// A row of scores as of a day; before the first one it says so.
function rowOf(thing, day) {
  const row = Object.fromEntries(COLUMNS.map((name) => [name, at(thing[name], day)]));
  [, row.turned] = found(thing.status, day);
  return row.status === null ? { ...row, status: "no_score", reason: "not_scored" } : row;
}

// As much of it as is told above the objectives.
const SHORT = ["status", "score", "expected", "held"];
function shortOf(thing, day) {
  const [status, score, expected, held] = SHORT.map((name) => at(thing[name], day));
  return { status: status ?? "no_score", score, expected, held, turned: found(thing.status, day)[1] };
}

function stateOf(box, day, row) {
  const state = box ? at(box.state, day) : null;
  if (state === null) return ["to_come", null];
  return [state === "missed" && row.value === null ? "unknown" : state, at(box.value, day)];
}

// A milestone as of a day.
function stateOfStep({ due, done_on }, day) {
  if (done_on) return ["kept", dayOf(done_on)];
  if (!due) return ["open", null];
  return [dayOf(due) < day ? "missed" : "to_come", dayOf(due)];
}

const COMPARED = ["status", "held", "score", "manual"];

// What is different between two days, as changes.py tells it.
function changesBetween(results, before, now) {
  const [told, moved] = [[], []];
  for (const result of results) {
    const [old, row] = [before, now].map((day) => Object.fromEntries(COMPARED.map((name) => [name, at(result[name], day)])));
    const change = (kind) => ({ kind, result, before: old, now: row });
    if (old.status === null || row.status === null) continue;
    if (old.status !== row.status) told.push(change("status"));
    else if ((old.held === null) !== (row.held === null)) told.push(change(row.held === null ? "back" : "held"));
    else if (Math.abs(row.score - old.score) >= 0.1) moved.push(change("score"));
  }
  return [...told, ...moved];
}
