// Any day of the page: the twin of timeline.py. A column is [the days on which it changes, what it is from then on].
const timeline = JSON.parse(document.getElementById("timeline").textContent);
const LAST = timeline.days - 1;
const dateOf = (day) => new Date(Date.parse(timeline.first) + day * 86400000);

function at(number, day) {
  const [days, values] = timeline.columns[number] ?? [[], []];
  let [low, high] = [0, days.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (days[middle] <= day) low = middle + 1;
    else high = middle;
  }
  return low ? values[low - 1] : null;
}

const COLUMNS = ["status", "value", "score", "expected", "reason", "final", "manual", "alongside", "parts", "start", "goal", "held",
  "to", "since", "until", "coverage"];

// A row of scores as of a day; before the first one it says so.
function rowOf(thing, day) {
  const row = Object.fromEntries(COLUMNS.map((name) => [name, at(thing[name], day)]));
  return row.status === null ? { ...row, status: "no_score", reason: "not_scored", scored: false } : { ...row, scored: true };
}

function stateOf(box, day, row) {
  const state = box ? at(box.state, day) : null;
  if (state === null) return ["to_come", null];
  return [state === "missed" && row.value === null ? "unknown" : state, at(box.value, day)];
}

// What is different between two days, as changes.py tells it.
function changesBetween(results, before, now) {
  const [told, moved] = [[], []];
  for (const result of results) {
    const [old, row] = [rowOf(result, before), rowOf(result, now)];
    const change = (kind) => ({ kind, result, before: old, now: row });
    if (!old.scored || !row.scored) continue;
    if (old.status !== row.status) told.push(change("status"));
    else if ((old.held === null) !== (row.held === null)) told.push(change(row.held === null ? "back" : "held"));
    else if (Math.abs(row.score - old.score) >= 0.1) moved.push(change("score"));
  }
  return [...told, ...moved];
}
