// What every page does: keys, theme, times, completion of queries. Nothing here is needed to read a page.
"use strict";

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");

// As the filter of the same name: nothing in a text moves a cursor or turns a line around.
function inert(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (found) => {
    const code = found.codePointAt(0);
    if (code < 256) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 65536 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
}

// Times are written in UTC; a click shows them in the time of the reader, and the choice is kept.
function showTimes(root) {
  const local = localStorage.getItem("clock") === "local";
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.dataset.utc ??= time.textContent;
    const at = new Date(time.dateTime);
    if (local && !Number.isNaN(at.valueOf())) {
      const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString();
      time.textContent = shifted.slice(0, 19).replace("T", " ");
    } else time.textContent = time.dataset.utc;
    time.title = local ? `${time.dataset.utc} UTC` : "UTC";
  }
  for (const name of document.querySelectorAll("[data-zone]")) name.textContent = local ? "local" : "UTC";
  const button = document.querySelector("[data-clock]");
  if (button) {
    button.textContent = local ? "Local time" : "UTC";
    button.setAttribute("aria-pressed", String(local));
  }
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  document.dispatchEvent(new CustomEvent("themechange"));
}

// Rows are walked with j and k.
function walk(step) {
  const rows = [...document.querySelectorAll("tr[data-open], li[data-open]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  next.querySelector("a")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

let went = -Infinity;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) event.target.blur();
  if (typing(event.target) || event.target.closest("dialog[open]")) return;
  const going = performance.now() - went < 1500;
  went = -Infinity;
  const link = going && document.querySelector(`nav.menu a[data-key="${CSS.escape(event.key)}"]`);
  if (link) link.click();
  else if (event.key === "g") went = performance.now();
  else if (event.key === "/") (document.querySelector("[data-main-search]") ?? document.getElementById("find")).focus();
  else if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
  else if (event.key === "?") document.getElementById("keys").showModal();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const target = event.target;
  if (target.closest("[data-theme-switch]")) switchTheme();
  if (target.closest("[data-help]")) document.getElementById("keys").showModal();
  if (target.closest("[data-clock]")) {
    localStorage.setItem("clock", localStorage.getItem("clock") === "local" ? "utc" : "local");
    showTimes(document);
    document.dispatchEvent(new CustomEvent("clockchange"));
  }
  const copied = target.closest("[data-copy]");
  if (copied) {
    navigator.clipboard?.writeText(copied.dataset.copy).then(() => say("Copied"), () => say("Could not copy"));
  }
  if (target.closest("[data-copy-address]")) {
    navigator.clipboard?.writeText(location.href).then(() => say("Copied"), () => say("Could not copy"));
  }
  if (target.closest("[data-print]")) print();
});

// Where nobody signs in, who somebody says they are is kept in this browser.
function remember(root) {
  for (const input of root.querySelectorAll("input[data-remember]")) {
    const kept = localStorage.getItem(`said-${input.dataset.remember}`);
    if (kept) input.value = kept;
    input.addEventListener("change", () => localStorage.setItem(`said-${input.dataset.remember}`, input.value));
  }
}
document.addEventListener("DOMContentLoaded", () => remember(document));
document.addEventListener("htmx:afterSettle", (event) => remember(event.target));

function say(what) {
  document.getElementById("said").textContent = what;
}

document.addEventListener("DOMContentLoaded", () => showTimes(document));
document.addEventListener("htmx:afterSettle", (event) => showTimes(event.target));
for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(kind, () => say("That did not work; reload the page to see what is."));
}

// Completion: what may come next where the cursor is, as a list under the field (WAI-ARIA combobox).
class Completion {
  constructor(input) {
    this.input = input;
    this.list = document.createElement("ul");
    this.list.id = `${input.id}-choices`;
    this.list.className = "choices";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "What may come next");
    this.list.hidden = true;
    input.after(this.list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.list.id);
    input.setAttribute("aria-expanded", "false");
    this.at = -1;
    this.asked = 0;
    input.addEventListener("input", () => this.ask());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.list.addEventListener("mousedown", (event) => {
      const choice = event.target.closest("li");
      if (choice) this.take(choice);
      event.preventDefault();
    });
  }

  async ask() {
    const mine = ++this.asked;
    const at = this.input.selectionStart;
    const given = new URLSearchParams({ q: this.input.value, at: String(at) });
    let told;
    try {
      const answer = await fetch(`/v1/complete?${given}`, { headers: { accept: "application/json" } });
      if (!answer.ok) return this.close();
      told = await answer.json();
    } catch {
      return this.close();
    }
    if (mine === this.asked && document.activeElement === this.input) this.show(told);
  }

  show(told) {
    // What somebody has chosen meanwhile stays chosen, if it may still come.
    const chosen = this.list.children[this.at]?.dataset.text;
    this.list.replaceChildren();
    this.at = told.proposals.findIndex((choice) => choice.text === chosen);
    for (const [number, choice] of told.proposals.entries()) {
      const item = document.createElement("li");
      item.id = `${this.list.id}-${number}`;
      item.setAttribute("role", "option");
      item.dataset.text = choice.text;
      item.dataset.start = told.begin;
      item.dataset.end = told.end;
      const name = document.createElement("code");
      name.textContent = inert(choice.text);
      const about = document.createElement("span");
      about.className = "dim";
      about.textContent = inert(choice.meaning);
      item.append(name, " ", about);
      this.list.append(item);
    }
    this.list.hidden = !told.proposals.length;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.mark();
  }

  mark() {
    const items = [...this.list.children];
    for (const [number, item] of items.entries()) item.setAttribute("aria-selected", String(number === this.at));
    if (this.at < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", items[this.at].id);
    items[this.at].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const items = [...this.list.children];
    if (this.list.hidden || !items.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : items.length + (this.at < 0 ? 0 : -1))) % items.length;
      this.mark();
    } else if ((event.key === "Enter" && this.at >= 0) || event.key === "Tab") {
      this.take(items[Math.max(0, this.at)]);
    } else if (event.key === "Escape") {
      this.close();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  take(item) {
    const text = this.input.value;
    const start = Number(item.dataset.start);
    // Somebody may have typed on since the list was made: all of the word that was begun is replaced.
    const end = this.input.selectionStart;
    if (end < start || /\s/.test(text.slice(Number(item.dataset.end), end))) return this.close();
    this.input.value = text.slice(0, start) + item.dataset.text + text.slice(end);
    const cursor = start + item.dataset.text.length;
    this.input.setSelectionRange(cursor, cursor);
    this.close();
    this.input.focus();
    if (item.dataset.text.endsWith(":")) this.ask();
  }

  close() {
    this.asked++;
    this.list.hidden = true;
    this.at = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
document.addEventListener("DOMContentLoaded", () => {
  for (const input of document.querySelectorAll("input[data-complete]")) new Completion(input);
});
