// The page of the timeline: lanes, table and side panel follow its address, whoever changes it (links, keys, the brush,
// back and forward), so that reload and a copied link show the same.
"use strict";

// Parameters that say which points there are, and which rows the table shows; `event` is what the panel shows.
const OF_POINTS = ["q", "since", "until", "exact", "order"];
const OF_TABLE = [...OF_POINTS, "after", "limit"];

class TimelinePage {
  constructor(main) {
    this.main = main;
    this.section = document.getElementById("lanes");
    this.panel = document.getElementById("panel");
    this.shown = new URL(location.href);
    this.opener = null;
    main.classList.toggle("beside", !this.panel.hidden);
    if (this.section) {
      this.lanes = new Lanes(this.section);
      this.section.lanes = this.lanes;
      this.load();
    }
    main.addEventListener("click", (event) => this.click(event));
    main.addEventListener("choosetime", ({ detail }) => this.choose(detail));
    main.addEventListener("openentry", ({ detail }) => this.open(detail.id, document.activeElement));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden && !event.defaultPrevented && !typing(event.target) && !document.querySelector("dialog[open]")) this.close();
    });
    addEventListener("popstate", () => this.follow());
    document.addEventListener("htmx:afterSettle", () => this.mark());
    this.mark();
  }

  // The row of the entry that is open beside.
  mark() {
    const open = this.shown.searchParams.get("event");
    for (const link of document.querySelectorAll("#table td.time a")) {
      const row = link.closest("tr");
      if (open && decodeURIComponent(link.pathname) === `/events/${open}`) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  go(changes) {
    const next = new URL(location.href);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.searchParams.set(name, value);
      else next.searchParams.delete(name);
    }
    if (next.href !== location.href) history.pushState(null, "", next);
    this.follow();
  }

  // Show what the address says.
  follow() {
    const before = this.shown;
    const now = new URL(location.href);
    this.shown = now;
    const differs = (names) => names.some((name) => before.searchParams.get(name) !== now.searchParams.get(name));
    if (differs(OF_TABLE)) this.table(now);
    if (differs(OF_POINTS)) this.load();
    if (this.section) this.section.querySelector("[data-do=any]").hidden = !now.searchParams.get("since") && !now.searchParams.get("until");
    if (differs(["event"])) this.side(now.searchParams.get("event"));
  }

  table(now) {
    const asked = new URL(now);
    asked.searchParams.delete("event");
    for (const field of document.querySelectorAll("form.query [name]")) {
      const value = now.searchParams.get(field.name) ?? "";
      if (field.type === "checkbox") field.checked = value === field.value;
      else field.value = value || field.dataset.usual || "";
    }
    // What comes instead is not busy.
    document.getElementById("table").setAttribute("aria-busy", "true");
    htmx.ajax("GET", asked.pathname + asked.search, { source: "#table", target: "#table", select: "#table", swap: "outerHTML ignoreTitle:true" });
  }

  async load() {
    if (!this.lanes) return;
    const asked = new URL("/v1/search/points", location.origin);
    asked.searchParams.set("q", wholeQuery(this.shown.searchParams));
    asked.searchParams.set("order", this.shown.searchParams.get("order") === "desc" ? "latest" : "earliest");
    if (this.shown.searchParams.get("exact")) asked.searchParams.set("exact", this.shown.searchParams.get("exact"));
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    this.section.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(asked, { headers: { accept: "application/json" }, signal: loading.signal });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.error?.message ?? "That did not work.");
      this.lanes.show(new Points(told));
      this.tell(told);
    } catch (error) {
      if (loading.signal.aborted) return;
      this.note(`The lanes cannot be drawn: ${inert(error.message)}`);
    }
    this.section.setAttribute("aria-busy", "false");
  }

  tell(told) {
    const amount = this.lanes.points.length;
    this.section.dataset.points = String(amount);
    this.section.hidden = !amount;
    const all = `${told.total.count.toLocaleString("en")}${told.total.more ? " and more" : ""}`;
    const part = `${amount.toLocaleString("en")} of ${all} entries are drawn; a narrower query or time shows the others.`;
    this.note(told.total.count > amount ? part : "");
  }

  note(text) {
    const note = document.getElementById("lanes-note");
    note.textContent = text;
    note.hidden = !text;
  }

  choose({ from, to }) {
    this.go({ since: momentOf(from, Math.floor), until: momentOf(to, Math.ceil), after: "" });
    say("Only this time is shown");
  }

  click(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    const target = event.target.closest("a, button");
    if (!target) return;
    if (target.matches('a[href^="/events/"]')) {
      event.preventDefault();
      this.open(decodeURIComponent(target.pathname.slice("/events/".length)), target);
    } else if (target.matches("[data-close]")) this.close();
    else if (target.matches("[data-do=any]")) this.go({ since: "", until: "", after: "" });
    else if (target.matches("#table [data-first], #table caption a")) {
      event.preventDefault();
      this.go({ after: target.search ? new URL(target.href).searchParams.get("after") : "" });
    }
  }

  open(id, opener) {
    this.opener = opener;
    this.go({ event: id });
  }

  close() {
    this.go({ event: "" });
    const opener = this.opener?.isConnected ? this.opener : document.querySelector("#table a");
    opener?.focus();
  }

  async side(id) {
    this.mark();
    this.panel.hidden = !id;
    this.main.classList.toggle("beside", Boolean(id));
    if (!id) return this.panel.querySelector("[data-entry]").replaceChildren();
    await htmx.ajax("GET", `/events/${encodeURIComponent(id)}`, { source: "#panel", target: "#panel [data-entry]", swap: "innerHTML ignoreTitle:true" });
    this.panel.focus();
  }
}

// The parameters of the page as one query.
function wholeQuery(given) {
  const query = given.get("q")?.trim();
  const times = ["since", "until"].filter((name) => given.get(name));
  const terms = times.map((name) => `${name}:"${given.get(name).replace(/[\\"]/g, "\\$&")}"`);
  return [query && terms.length ? `(${query})` : query, ...terms].filter(Boolean).join(" ");
}

// Microseconds since 1970 as ISO 8601, to the millisecond, within the years that it has.
function momentOf(time, round) {
  return new Date(Math.min(253402300799999, Math.max(-62135596800000, round(time / 1000)))).toISOString();
}

document.addEventListener("DOMContentLoaded", () => {
  const main = document.getElementById("main");
  if (document.getElementById("table")) main.timeline = new TimelinePage(main);
});
