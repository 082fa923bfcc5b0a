// What the page does by itself: live parts, the filter of the list, the recipe editor, two models writing at once.
"use strict";

const words = JSON.parse(document.body.dataset.words);
const language = document.documentElement.lang;
const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// Live parts: the server sends their HTML anew whenever it changed.
function showLost(lost) {
  const banner = document.querySelector(".lost");
  banner.textContent = lost ? words.lost : "";
  banner.hidden = !lost;
}

function follow(part) {
  const source = new EventSource(part.dataset.live);
  source.onopen = () => showLost(false);
  source.onerror = () => showLost(true); // the browser goes on trying by itself
  source.onmessage = (event) => {
    const field = part.querySelector("input[type=search]");
    const typed = field && { value: field.value, focused: document.activeElement === field };
    part.innerHTML = event.data;
    dress(part);
    if (!typed) return;
    const fresh = part.querySelector("input[type=search]");
    if (!fresh) return;
    fresh.value = typed.value;
    if (typed.focused) fresh.focus();
    filterRows(fresh);
  };
  addEventListener("pagehide", () => source.close());
}

function dress(part) {
  for (const time of part.querySelectorAll("time[data-at]")) {
    const at = new Date(Number(time.dataset.at) * 1000);
    time.textContent = at.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  }
}

// The list of runs.
function filterRows(field) {
  const wanted = field.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`#${field.dataset.filters} tbody tr`)) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
  }
}

document.addEventListener("input", (event) => {
  if (event.target.dataset.filters) filterRows(event.target);
});
document.addEventListener("change", (event) => {
  if ("submits" in event.target.dataset) event.target.form.requestSubmit();
});

// The recipe editor: checked as one types; what needs the disk, once one has paused.
function edit(field) {
  const lines = document.querySelector(".lines");
  const checked = document.querySelector("#checked");
  let bad = new Set();
  let asked = 0;
  let timers = [];

  function number() {
    const count = field.value.split("\n").length;
    lines.replaceChildren(
      ...Array.from({ length: count }, (_, index) => {
        const line = document.createElement("span");
        line.textContent = index + 1;
        if (bad.has(index + 1)) line.className = "bad";
        return line;
      }),
    );
    lines.scrollTop = field.scrollTop;
  }

  async function check(thorough) {
    const mine = ++asked;
    const answer = await fetch(`/recipes/check?thorough=${thorough ? 1 : 0}`, { method: "POST", body: field.value }).catch(() => null);
    if (mine !== asked) return; // something was typed since
    showLost(answer === null);
    if (answer === null || !answer.ok) return;
    checked.innerHTML = await answer.text();
    bad = new Set((answer.headers.get("X-Lines") || "").split(",").filter(Boolean).map(Number));
    number();
  }

  function typed() {
    number();
    timers.forEach(clearTimeout);
    timers = [setTimeout(check, 250, false), setTimeout(check, 1200, true)];
  }

  function goTo(link) {
    const before = field.value.split("\n").slice(0, link.dataset.line - 1);
    const start = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(link.dataset.column) - 1;
    const height = field.scrollHeight / field.value.split("\n").length;
    field.focus();
    field.setSelectionRange(start, start);
    field.scrollTop = Math.max(0, (link.dataset.line - 4) * height);
  }

  // Another language or other colors load the page anew, which must not lose what was typed.
  document.querySelector(".choices").addEventListener("submit", () => sessionStorage.setItem("typed", field.value));
  const kept = sessionStorage.getItem("typed");
  if (kept !== null) field.value = kept;
  sessionStorage.removeItem("typed");

  field.addEventListener("input", typed);
  field.addEventListener("scroll", () => (lines.scrollTop = field.scrollTop));
  checked.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    goTo(link);
  });
  number();
  if (field.value.trim()) check(true);
}

// Two models continue one prompt.
async function ask(form, side, other) {
  const box = document.querySelector(`[data-answer=${side}]`);
  const [head, text, note] = [box.querySelector("h3"), box.querySelector(".text"), box.querySelector(".note")];
  const chosen = form.elements[side];
  head.textContent = chosen.selectedOptions[0].textContent;
  note.classList.remove("wrong");
  const given = document.createElement("span");
  given.className = "given";
  given.textContent = form.elements.prompt.value;
  const made = document.createTextNode("");
  text.replaceChildren(given, made);
  note.textContent = words.loading;
  const fail = (message) => {
    note.textContent = message;
    note.classList.add("wrong");
  };
  const body = JSON.stringify({
    model: chosen.value,
    beside: form.elements[other].value,
    prompt: form.elements.prompt.value,
    max_new_tokens: form.elements.max_new_tokens.value,
    temperature: form.elements.temperature.value,
    seed: form.elements.seed.value,
  });
  const answer = await fetch("/models/continue", { method: "POST", body }).catch(() => null);
  if (answer === null || !answer.ok) return fail(answer === null ? words.lost : `HTTP ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done) break;
    const said = (rest + value).split("\n");
    rest = said.pop();
    for (const line of said) {
      const fact = JSON.parse(line);
      if (fact.error) fail(fact.error);
      if (fact.piece) made.data += fact.piece;
      if (fact.piece || fact.state === "ready") note.textContent = words.writing;
      if (fact.done) {
        note.textContent = say("answer_figures", fact) + (fact.stopped ? ` · ${words.ended_itself}` : "");
        box.dataset.done = "1";
      }
    }
  }
}

function compare(form) {
  const button = form.querySelector("button.main");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    document.querySelectorAll(".answer").forEach((box) => delete box.dataset.done);
    await Promise.all([ask(form, "left", "right"), ask(form, "right", "left")]);
    button.disabled = false;
  });
  document.querySelector("#unload").addEventListener("click", async () => {
    const answer = await fetch("/models/unload", { method: "POST" }).catch(() => null);
    if (answer === null) return showLost(true);
    document.querySelectorAll(".answer .note").forEach((note) => (note.textContent = words.unloaded));
  });
}

document.querySelectorAll("[data-live]").forEach(follow);
dress(document);
const recipe = document.querySelector("#recipe");
if (recipe) edit(recipe);
const asking = document.querySelector("#asking");
if (asking) compare(asking);
