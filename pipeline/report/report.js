"use strict";
// The timeline as a list that can be searched, and the graph as something to move about in. Texts are only ever set as text.
(() => {
  const PAGE = 150, PRINTED = 3000;
  const rows = JSON.parse(document.getElementById("data").textContent).rows;
  const byId = (id) => document.getElementById(id);
  const body = byId("rows").tBodies[0], find = byId("find"), strand = byId("strand"), role = byId("role"), more = byId("more");
  let node = null, matching = [], shown = 0;
  document.documentElement.classList.add("live");

  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const add = (cell, name, text, kind) => { if (text) { const made = make(name, undefined, kind); made.append(make("bdi", text)); cell.append(made); } };
  const sure = (value) => make("span", Math.round(value * 100) + "%", "sureness " + (value >= 0.9 ? "sure" : value >= 0.7 ? "likely" : "doubtful"));

  const words = rows.map(() => null);
  const text = (at) => words[at] ??= JSON.stringify(Object.values(rows[at])).toLowerCase();
  const within = (row, key, value) => key === "id" ? row.id === value
    : key === "c" ? row.c === value || row.i === value
    : key === "w" ? row.w === value || row.h === value
    : key === "*" ? JSON.stringify(row).includes(value) : row[key] === value;

  const line = (at) => {
    const row = rows[at], made = make("tr");
    made.id = "e" + at;
    const no = make("td", undefined, "no"), button = make("button", String(at + 1));
    button.type = "button";
    button.title = "All that is known of this entry";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => unfold(made, button, row));
    no.append(button);
    const who = make("td"), did = make("td"), part = make("td"), from = make("td");
    who.append(make("bdi", row.w || "unknown"));
    if (row.h) { const whom = make("div", "for ", "dim"); whom.append(make("bdi", row.h)); who.append(whom); }
    const action = make("b"); action.append(make("bdi", row.a || "")); did.append(action);
    if (row.o && row.o !== "success") did.append(" ", make("span", row.o, "bad"));
    for (const one of row.r || []) add(did, "div", one, "dim");
    if (row.x) add(did, "div", row.x.length > 220 ? row.x.slice(0, 219) + "…" : row.x, "said");
    part.append(row.e || "");
    if (row.pc !== undefined) part.append(" ", sure(row.pc));
    add(part, "div", row.y, "dim");
    if (row.c) from.append(make("bdi", row.c));
    add(from, "div", row.ad, "dim");
    made.append(no, make("td", row.t || "", "time"), who, did, part, from);
    return made;
  };

  const NAMES = { id: "entry", k: "kind", ph: "phase", wk: "actor is", p: "policy", se: "session", ch: "credential chain", i: "issued", l: "linked by",
    lc: "link is sure", u: "not bound", s: "strand", d: "detections", pe: "because of prompt", tc: "because of call", ua: "program", ac: "account",
    er: "error", g: "arguments", x: "text", rec: "record" };
  const unfold = (made, button, row) => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) { made.nextSibling.remove(); return; }
    const full = make("tr", undefined, "full"), cell = make("td"), list = make("dl");
    cell.colSpan = 6;
    for (const [key, name] of Object.entries(NAMES)) {
      if (row[key] === undefined) continue;
      const value = key === "g" ? row.g.map(([path, held, origin]) => path + " = " + held + (origin ? "  (from: " + origin + ")" : "")).join("\n")
        : Array.isArray(row[key]) ? row[key].join("\n") : String(row[key]);
      list.append(make("dt", name), make("dd", value));
    }
    cell.append(list); full.append(cell); made.after(full);
  };

  const grow = (amount) => {
    const piece = document.createDocumentFragment(), end = Math.min(shown + amount, matching.length);
    for (; shown < end; shown++) piece.append(line(matching[shown]));
    body.append(piece);
    more.hidden = shown >= matching.length;
    const count = (number) => number.toLocaleString("en");
    byId("shown").textContent = count(shown) + " shown of " + count(matching.length) + " that match, " + count(rows.length) + " in all"
      + (node ? "; only those of " + node.name : "");
  };
  const apply = () => {
    const wanted = find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    matching = [];
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at];
      if (strand.value && row.s !== strand.value || role.value && row.e !== role.value) continue;
      if (node && !within(row, node.key, node.value)) continue;
      if (wanted.length && !wanted.every((word) => text(at).includes(word))) continue;
      matching.push(at);
    }
    shown = 0;
    body.replaceChildren();
    grow(PAGE);
  };
  const choose = (box) => {
    for (const one of document.querySelectorAll(".box.chosen")) one.classList.remove("chosen");
    if (box) box.classList.add("chosen");
    node = box && { key: box.dataset.key, value: box.dataset.value, name: box.dataset.name };
    apply();
  };
  const clear = () => { find.value = strand.value = role.value = ""; choose(null); };
  const show = (at) => {
    if (!matching.includes(at)) clear();
    const place = matching.indexOf(at);
    if (place >= shown) grow(place - shown + PAGE);
    for (const one of body.querySelectorAll(".chosen")) one.classList.remove("chosen");
    const made = byId("e" + at);
    made.classList.add("chosen");
    made.scrollIntoView({ block: "center" });
    made.querySelector("button").focus({ preventScroll: true });
  };

  let waiting = 0;
  find.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  strand.addEventListener("change", apply);
  role.addEventListener("change", apply);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", (event) => { event.preventDefault(); clear(); });
  more.addEventListener("click", () => grow(PAGE));
  if ("IntersectionObserver" in window) new IntersectionObserver((seen) => { if (seen[0].isIntersecting && !more.hidden) grow(PAGE); }).observe(more);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a.ref");
    if (link) { event.preventDefault(); show(Number(link.hash.slice(2))); }
  });
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    if (shown < PRINTED) grow(PRINTED - shown);
  });

  for (const place of document.querySelectorAll(".command")) {
    const button = make("button", "Copy"), code = place.querySelector("code");
    button.type = "button";
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(code); button.textContent = "Selected: press Ctrl+C"; }
    });
    place.append(button);
  }

  const canvas = byId("canvas"), svg = canvas && canvas.querySelector("svg");
  if (svg) {
    const whole = svg.viewBox.baseVal, width = whole.width, height = whole.height;
    let view = { x: 0, y: 0, w: width, h: height }, from = null, moved = false;
    const draw = () => svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
    const zoom = (by, x = view.x + view.w / 2, y = view.y + view.h / 2) => {
      const w = Math.min(Math.max(view.w * by, 200), width * 2), scale = w / view.w;
      view = { x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, w, h: view.h * scale };
      draw();
    };
    const at = (event) => { const box = svg.getBoundingClientRect(); return [view.x + (event.clientX - box.left) / box.width * view.w, view.y + (event.clientY - box.top) / box.height * view.h]; };
    const fit = () => {
      const wide = canvas.clientWidth, high = Math.max(160, Math.min(height, 640, Math.max(wide / width, 0.55) * height));
      svg.setAttribute("height", high);
      const scale = Math.max(width / wide, height / high);
      view = { x: (width - wide * scale) / 2, y: (height - high * scale) / 2, w: wide * scale, h: high * scale };
      draw();
    };
    const begin = () => {
      fit();
      // A whole that nobody could read begins where its causes are, in a size that can be read.
      const scale = 1.5, wide = canvas.clientWidth, high = svg.clientHeight;
      if (view.w > wide * scale) { view = { x: 0, y: (height - high * scale) / 2, w: wide * scale, h: high * scale }; draw(); }
    };
    canvas.classList.add("live");
    begin();
    addEventListener("resize", begin);
    addEventListener("beforeprint", () => { svg.setAttribute("viewBox", "0 0 " + width + " " + height); svg.setAttribute("height", height); });
    addEventListener("afterprint", begin);
    svg.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, ...at(event)); } }, { passive: false });
    svg.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY, view }; moved = false; });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      const box = svg.getBoundingClientRect(), dx = event.clientX - from.x, dy = event.clientY - from.y;
      moved ||= Math.abs(dx) + Math.abs(dy) > 4;
      view = { ...from.view, x: from.view.x - dx / box.width * view.w, y: from.view.y - dy / box.height * view.h };
      draw();
    });
    addEventListener("pointerup", () => { from = null; });
    for (const box of svg.querySelectorAll(".box")) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "button");
      const pick = () => { choose(box.classList.contains("chosen") ? null : box); };
      box.addEventListener("click", () => { if (!moved) pick(); });
      box.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); } });
    }
    for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => button.dataset.zoom === "fit" ? fit() : zoom(button.dataset.zoom === "in" ? 1 / 1.4 : 1.4));
  }
  apply();
  if (/^#e\d+$/.test(location.hash)) show(Number(location.hash.slice(2)));
})();
