"use strict";
// Dead letters: completion in the query, the check of a message while it is typed, and a faster look at a bulk action.

// Completion: the options of the list complete the last word of the query, so each repeats the words before it.
const query = document.querySelector(".query input[list]");
if (query) {
  const options = [...document.querySelectorAll("#completions option")].map((option) => option.value);
  const list = document.getElementById("completions");
  const complete = () => {
    const before = /^(?:[^"]|"(?:[^"\\]|\\.)*")*\s/.exec(query.value)?.[0] ?? "";
    const word = query.value.slice(before.length).toLowerCase();
    const fitting = options.filter((value) => value.toLowerCase().startsWith(word)).slice(0, 40);
    list.replaceChildren(...fitting.map((value) => Object.assign(document.createElement("option"), { value: before + value })));
  };
  query.addEventListener("input", complete);
  complete();
}

// The check: the last text wins, and an answer to an older one is dropped.
const form = document.querySelector("form[data-check]");
if (form) {
  const field = form.querySelector("textarea");
  const verdict = document.getElementById("verdict");
  const WAIT_MS = 350;
  let timer = 0;
  let asked = 0;

  const cell = (kind, text, css = "") => Object.assign(document.createElement(kind), { textContent: text, className: css });
  const row = (problem) => {
    const line = document.createElement("tr");
    const place = cell("th", problem.path || "the message", "id");
    place.scope = "row";
    line.append(place, cell("td", visible(problem.found), "bad"), cell("td", visible(problem.expected)), cell("td", visible(problem.hint ?? "–")));
    return line;
  };
  const visible = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`);
  const show = (checked) => {
    if (checked.valid) {
      const unknown = checked.withOntology ? "" : "; the project's ontology is not cached, so names were not checked";
      verdict.replaceChildren(cell("p", `Nothing is known that Labelbox would refuse${unknown}.`, "note done"));
      return;
    }
    const head = document.createElement("tr");
    head.append(...["Place", "Found", "Expected", "Suggestion"].map((title) => cell("th", title)));
    const table = Object.assign(document.createElement("table"), { className: "problems" });
    table.createTHead().append(head);
    table.createTBody().append(...checked.problems.map(row));
    const wide = Object.assign(document.createElement("div"), { className: "wide", tabIndex: 0 });
    wide.append(table);
    verdict.replaceChildren(wide);
  };
  const check = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: new URLSearchParams({ message: field.value }) });
      const checked = answer.ok ? await answer.json() : null;
      if (mine !== asked) return;
      if (checked) show(checked);
      else verdict.replaceChildren(cell("p", `The message was not checked: the console answered ${answer.status}.`, "note"));
    } catch {
      if (mine === asked) verdict.replaceChildren(cell("p", "The message was not checked: the console does not answer.", "note"));
    }
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, WAIT_MS); });

  const load = form.querySelector("[data-load]");
  load?.addEventListener("click", async () => {
    const answer = await fetch(load.dataset.load);
    if (!answer.ok) return;
    field.value = await answer.text();
    for (const part of form.querySelectorAll(":disabled")) part.disabled = false;
    load.disabled = true;
    field.focus();
    check();
  });
}
