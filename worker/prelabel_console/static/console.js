"use strict";
// Keys, times in the viewer's zone, copying, and reading the page's parts again. Everything works without this script
// except copying; nothing that comes from elsewhere is ever parsed as markup.

const REFRESH_MS = 5000;
const FIELDS = "input, select, textarea, [contenteditable]";

// Times: the server writes UTC, the browser shows its own zone and keeps UTC in the title.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not(.ago)")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.valueOf())) time.textContent = shown.format(moment);
  }
  for (const mark of root.querySelectorAll("[data-time]")) mark.textContent = clock.format(new Date(mark.dataset.time));
}

// Copying works over plain http too, where browsers have no clipboard.
function copyText(text) {
  if (window.isSecureContext && navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  const focused = document.activeElement;
  (focused?.closest("dialog") ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied ? Promise.resolve() : Promise.reject(new Error("not copied"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.textContent;
  copyText(button.dataset.copy).then(
    () => { button.textContent = "Copied"; },
    () => { button.textContent = "Not copied"; },
  ).finally(() => setTimeout(() => { button.textContent = label; }, 1500));
});

// Reading again: pauses while the page is hidden, while a form is being filled in, and while a dialog is open.
let inFlight = false;
let edited = false;
document.addEventListener("input", (event) => { if (!event.target.closest(".find, .search")) edited = true; });
document.addEventListener("reset", () => { edited = false; });

function isBusy() {
  const focused = document.activeElement;
  return document.hidden || edited || focused?.matches(FIELDS) || document.querySelector("dialog[open], details.form[open]")
    || !window.getSelection().isCollapsed;
}

async function readAgain() {
  const parts = [...document.querySelectorAll("[data-refresh][id]")];
  if (inFlight || !parts.length) return;
  inFlight = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (answer.status === 401) { location.reload(); return; }
    const read = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (isBusy()) return;
    if (parts.some((part) => !read.getElementById(part.id))) { location.reload(); return; }
    for (const part of parts) replace(part, read.getElementById(part.id));
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  } finally {
    inFlight = false;
  }
}

function replace(part, fresh) {
  showTimes(fresh);
  if (part.innerHTML === fresh.innerHTML) return;
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const place = focused ? [...part.querySelectorAll("a, button, [tabindex]")].indexOf(focused) : -1;
  const open = new Set([...part.querySelectorAll("details[open][id]")].map((details) => details.id));
  const scrolled = [...part.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
  const chosen = [...part.querySelectorAll("tbody tr")].findIndex((row) => row.classList.contains("chosen"));
  part.replaceChildren(...document.adoptNode(fresh).childNodes);
  for (const details of part.querySelectorAll("details[id]")) details.open = details.open || open.has(details.id);
  part.querySelectorAll(".wide").forEach((wide, at) => { wide.scrollLeft = scrolled[at] ?? 0; });
  if (chosen >= 0) part.querySelectorAll("tbody tr")[chosen]?.classList.add("chosen");
  if (place >= 0) part.querySelectorAll("a, button, [tabindex]")[place]?.focus();
}

setInterval(() => {
  const busy = Boolean(isBusy());
  document.body.classList.toggle("paused", busy);
  if (!busy) readAgain();
}, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!isBusy()) readAgain(); });

// Keys. A link says its keys in data-keys; "g o" are two, one after the other.
let before = "";
let beforeTimer = 0;

function chooseRow(step) {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a"));
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("chosen"));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  for (const row of rows) row.classList.toggle("chosen", row === next);
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
}

function showHelp() {
  const help = document.getElementById("shortcuts");
  if (help && !help.open) help.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches(FIELDS)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const keys = before ? `${before} ${event.key}` : event.key;
  const target = document.querySelector(`[data-keys="${CSS.escape(keys)}"]`);
  clearTimeout(beforeTimer);
  before = !before && event.key === "g" ? "g" : "";
  beforeTimer = setTimeout(() => { before = ""; }, 1200);
  if (target) {
    event.preventDefault();
    if (target.matches(FIELDS)) { target.focus(); target.select?.(); } else target.click();
  } else if (event.key === "?") showHelp();
  else if (event.key === "j") chooseRow(1);
  else if (event.key === "k") chooseRow(-1);
  else if (event.key === "r") readAgain();
});

document.querySelector("[data-help]")?.addEventListener("click", showHelp);
showTimes(document);

// Charts: what the lines say at the moment under the pointer.
function valueText(text, unit) {
  if (text === "" || text === undefined) return "–";
  const value = Number(text);
  if (unit !== "s") return value.toLocaleString();
  return value < 120 ? `${value.toPrecision(3)} s` : `${Math.round(value / 60)} min`;
}

function readChart(event) {
  const figure = event.target.closest?.("[data-chart]");
  const picture = figure?.querySelector("svg[role='img']");
  if (!picture) return;
  const lines = [...picture.querySelectorAll(".line")];
  const count = lines[0]?.dataset.values.split(",").length ?? 0;
  const box = picture.getBoundingClientRect();
  const { left, right, start, step, unit } = picture.dataset;
  const x = ((event.clientX - box.left) / box.width) * picture.viewBox.baseVal.width;
  const at = Math.round(((x - left) / (right - left)) * (count - 1));
  const cursor = picture.querySelector(".cursor");
  const output = figure.querySelector("output");
  if (at < 0 || at >= count || !Number.isFinite(at)) {
    cursor.style.display = "";
    output.textContent = "";
    return;
  }
  const place = Number(left) + ((right - left) * at) / Math.max(1, count - 1);
  cursor.setAttribute("transform", `translate(${place} 0)`);
  cursor.style.display = "inline";
  const moment = new Date((Number(start) + at * step) * 1000);
  const values = lines.map((line) => `${line.dataset.name} ${valueText(line.dataset.values.split(",")[at], unit)}`);
  output.textContent = `${clock.format(moment)}: ${values.join(", ")}`;
}

document.addEventListener("pointermove", readChart);
