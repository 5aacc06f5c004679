// The lanes of human, agent, credential and cloud: points of a query on one line of time. Zoom: wheel, + and -; pan: drag,
// arrow keys; choose a time: shift-drag. Only what can be seen is drawn; where points lie closer than pixels, columns of
// pixels are drawn instead. The table under them says the same to whoever cannot see it.
"use strict";

const LEFT = 148;
const STRIP = 40;
const AXIS = 20;
const ROW = 22;
const GAP = 8;
// Points that are drawn one by one; with more, columns are.
const DOTS = 3000;
const SHORTEST = 1000; // microseconds from edge to edge
const BANDS = [["critical", 0.95], ["high", 0.8], ["medium", 0.55], ["low", 0.0001]];
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5,
  108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 2592e6, 7776e6, 15552e6, 31536e6].map((ms) => ms * 1000);

function bandOf(risk) {
  for (let at = 0; at < BANDS.length; at++) if (risk >= BANDS[at][1]) return at;
  return BANDS.length;
}

function momentText(time, fraction) {
  const local = localStorage.getItem("clock") === "local";
  const at = new Date(time / 1000);
  if (Number.isNaN(at.valueOf())) return `${time} µs`;
  const text = new Date(at.getTime() - (local ? at.getTimezoneOffset() * 60000 : 0)).toISOString();
  return text.slice(0, fraction ? 23 : 19).replace("T", " ");
}

class Lanes {
  constructor(section) {
    this.section = section;
    this.place = section.querySelector("[data-drawing]");
    this.canvas = document.createElement("canvas");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.place.append(this.canvas, this.tip);
    this.context = this.canvas.getContext("2d");
    this.points = new Points(Object.fromEntries(COLUMNS.map((name) => [name, []])));
    this.view = { from: 0, to: 1 };
    this.whole = { from: 0, to: 1 };
    this.selection = null;
    this.held = null;
    this.focused = -1;
    this.frames = 0;
    this.choosing = false;
    this.colours();
    this.listen();
  }

  show(points) {
    this.points = points;
    const first = points.length ? points.times[0] : 0;
    const last = points.length ? points.times[points.length - 1] : 1;
    const room = Math.max((last - first) * 0.02, SHORTEST);
    this.whole = { from: first - room, to: last + room };
    this.view = { ...this.whole };
    this.selection = null;
    this.focused = -1;
    this.tip.hidden = true;
    this.summarize();
    this.resize();
  }

  // What is drawn, for whoever cannot see it.
  summarize() {
    const { points } = this;
    const amounts = LANES.map(() => 0);
    let risky = 0;
    for (let at = 0; at < points.length; at++) {
      amounts[points.lanes[at]]++;
      if (points.risks[at] >= BANDS[1][1]) risky++;
    }
    const parts = LANES.map((lane, at) => `${amounts[at]} ${lane}`).join(", ");
    const last = points.length - 1;
    this.section.querySelector("[data-summary]").textContent = points.length
      ? `${points.length} entries from ${momentText(points.times[0])} to ${momentText(points.times[last])}: ${parts}; ${risky} of high risk.`
      : "";
  }

  // Layout

  resize() {
    const ratio = devicePixelRatio || 1;
    this.width = Math.max(200, this.place.clientWidth);
    let y = STRIP + GAP;
    this.tops = this.points.rows.map((row, at) => {
      if (at && this.points.rows[at - 1].lane !== row.lane) y += GAP;
      const top = y;
      y += ROW;
      return top;
    });
    this.height = y + AXIS;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.width = `${this.width}px`;
    this.canvas.style.height = `${this.height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.columns = Math.max(1, Math.floor(this.width - LEFT));
    this.counts = new Uint32Array(this.columns * this.points.rows.length);
    this.heat = new Float32Array(this.counts.length);
    this.histogram();
    this.later();
  }

  histogram() {
    this.bars = new Uint32Array(Math.ceil(this.columns / 3));
    this.barHeat = new Float32Array(this.bars.length);
    const scale = this.bars.length / (this.whole.to - this.whole.from);
    for (let at = 0; at < this.points.length; at++) {
      const bar = Math.min(this.bars.length - 1, Math.floor((this.points.times[at] - this.whole.from) * scale));
      this.bars[bar]++;
      if (this.points.risks[at] > this.barHeat[bar]) this.barHeat[bar] = this.points.risks[at];
    }
  }

  colours() {
    const styles = getComputedStyle(document.documentElement);
    const of = (name) => styles.getPropertyValue(`--${name}`).trim();
    this.ink = Object.fromEntries(["ink", "dim", "faint", "line", "card", "raised", "accent", ...LANES].map((name) => [name, of(name)]));
    this.heats = BANDS.map(([name]) => of(name));
  }

  colour(lane, risk) {
    return this.heats[bandOf(risk)] ?? this.ink[LANES[lane]];
  }

  x(time) {
    return LEFT + ((time - this.view.from) / (this.view.to - this.view.from)) * this.columns;
  }

  time(x) {
    return this.view.from + ((x - LEFT) / this.columns) * (this.view.to - this.view.from);
  }

  // Drawing

  later() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.drawStrip();
    this.drawRows();
    this.drawAxis();
    const begin = this.points.from(this.view.from);
    const end = this.points.from(this.view.to);
    if (end - begin > DOTS) this.drawColumns(begin, end);
    else this.drawDots(begin, end);
    this.drawSelection();
    this.frames++;
    this.place.dataset.visible = String(end - begin);
  }

  drawStrip() {
    const { context, bars, ink } = this;
    const most = Math.log1p(bars.reduce((one, other) => Math.max(one, other), 0)) || 1;
    context.fillStyle = ink.dim;
    context.fillText(`${this.points.length.toLocaleString("en")} entries`, 4, STRIP / 2);
    for (let at = 0; at < bars.length; at++) {
      if (!bars[at]) continue;
      const height = Math.max(2, (Math.log1p(bars[at]) / most) * (STRIP - 6));
      context.fillStyle = this.heats[bandOf(this.barHeat[at])] ?? ink.faint;
      context.fillRect(LEFT + at * 3, STRIP - height, 2, height);
    }
    const scale = this.columns / (this.whole.to - this.whole.from);
    const from = LEFT + Math.max(0, (this.view.from - this.whole.from) * scale);
    const to = LEFT + Math.min(this.columns, (this.view.to - this.whole.from) * scale);
    context.strokeStyle = ink.accent;
    context.lineWidth = 1.5;
    context.strokeRect(from, 1, Math.max(3, to - from), STRIP - 1);
  }

  drawRows() {
    const { context, ink } = this;
    for (const [at, row] of this.points.rows.entries()) {
      const top = this.tops[at];
      const first = !at || this.points.rows[at - 1].lane !== row.lane;
      context.fillStyle = ink.card;
      context.fillRect(LEFT, top, this.columns, ROW - 2);
      context.fillStyle = ink[LANES[row.lane]];
      context.fillRect(LEFT - 5, top, 3, ROW - 2);
      if (first) context.fillText(LANES[row.lane], 4, top + ROW / 2 - 1);
      context.fillStyle = ink.dim;
      const name = row.name === null ? `${row.others} others` : row.name;
      context.save();
      context.beginPath();
      context.rect(72, top, LEFT - 80, ROW);
      context.clip();
      context.fillText(shortened(name.split(/[:/]/).pop() || name, 14), 72, top + ROW / 2 - 1);
      context.restore();
    }
  }

  drawAxis() {
    const { context, ink } = this;
    const span = this.view.to - this.view.from;
    const step = STEPS.find((one) => (one / span) * this.columns >= 110) ?? 10 ** Math.ceil(Math.log10(span / 8));
    const shift = localStorage.getItem("clock") === "local" ? new Date(this.view.from / 1000).getTimezoneOffset() * 6e7 : 0;
    context.fillStyle = ink.dim;
    context.strokeStyle = ink.line;
    context.lineWidth = 1;
    for (let time = Math.ceil((this.view.from - shift) / step) * step + shift; time < this.view.to; time += step) {
      const x = Math.round(this.x(time)) + 0.5;
      context.beginPath();
      context.moveTo(x, STRIP + GAP);
      context.lineTo(x, this.height - AXIS);
      context.stroke();
      const text = momentText(time, step < 1e6);
      const shown = step >= 864e8 ? text.slice(0, 10) : step >= 36e8 || time - step < this.view.from ? text.slice(5, 16) : text.slice(11);
      context.fillText(shown, Math.min(x, this.width - 70), this.height - AXIS / 2);
    }
  }

  drawDots(begin, end) {
    const { context, points } = this;
    for (let at = begin; at < end; at++) {
      const x = this.x(points.times[at]);
      const y = this.tops[points.row[at]] + ROW / 2 - 1;
      context.fillStyle = this.colour(points.lanes[at], points.risks[at]);
      context.beginPath();
      context.arc(x, y, 3 + 4 * points.risks[at], 0, 7);
      context.fill();
    }
  }

  drawColumns(begin, end) {
    const { context, points, counts, heat, columns } = this;
    counts.fill(0);
    heat.fill(0);
    const scale = columns / (this.view.to - this.view.from);
    let most = 1;
    for (let at = begin; at < end; at++) {
      const cell = points.row[at] * columns + Math.min(columns - 1, ((points.times[at] - this.view.from) * scale) | 0);
      if (++counts[cell] > most) most = counts[cell];
      if (points.risks[at] > heat[cell]) heat[cell] = points.risks[at];
    }
    const full = Math.log1p(most);
    for (const [row, { lane }] of points.rows.entries()) {
      const bottom = this.tops[row] + ROW - 3;
      // Neighbours that look alike are one rectangle.
      let began = 0;
      let colour = "";
      let height = 0;
      for (let x = 0; x <= columns; x++) {
        const cell = row * columns + x;
        const amount = x < columns ? counts[cell] : 0;
        const tall = amount ? 4 + Math.round((Math.log1p(amount) / full) * (ROW - 8)) : 0;
        const paint = amount ? this.colour(lane, heat[cell]) : "";
        if (tall === height && paint === colour) continue;
        if (height) {
          context.fillStyle = colour;
          context.fillRect(LEFT + began, bottom - height, x - began, height);
        }
        began = x;
        colour = paint;
        height = tall;
      }
    }
  }

  drawSelection() {
    const { context, ink } = this;
    if (this.selection) {
      const from = Math.max(LEFT, this.x(Math.min(...this.selection)));
      const to = Math.min(this.width, this.x(Math.max(...this.selection)));
      context.globalAlpha = 0.18;
      context.fillStyle = ink.accent;
      context.fillRect(from, STRIP + 2, to - from, this.height - AXIS - STRIP - 2);
      context.globalAlpha = 1;
    }
    if (this.focused >= 0) {
      context.strokeStyle = ink.ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(this.x(this.points.times[this.focused]), this.tops[this.points.row[this.focused]] + ROW / 2 - 1, 9, 0, 7);
      context.stroke();
    }
  }

  // Moving

  zoom(by, around = (this.view.from + this.view.to) / 2) {
    const span = Math.min((this.whole.to - this.whole.from) * 1.2, Math.max(SHORTEST, (this.view.to - this.view.from) * by));
    const share = (around - this.view.from) / (this.view.to - this.view.from);
    this.view.from = around - span * share;
    this.view.to = this.view.from + span;
    this.keep();
  }

  pan(by) {
    this.view.from += by;
    this.view.to += by;
    this.keep();
  }

  // Some of what there is stays in view.
  keep() {
    const span = this.view.to - this.view.from;
    this.view.from = Math.min(this.whole.to - span * 0.1, Math.max(this.whole.from - span * 0.9, this.view.from));
    this.view.to = this.view.from + span;
    this.later();
  }

  all() {
    this.view = { ...this.whole };
    this.later();
  }

  choose(from, to) {
    this.selection = null;
    this.section.dispatchEvent(new CustomEvent("choosetime", { bubbles: true, detail: { from, to } }));
  }

  setChoosing(choosing) {
    this.choosing = choosing;
    this.section.querySelector("[data-do=choose]").setAttribute("aria-pressed", String(choosing));
  }

  // What is where

  // The gravest of the points at a place, and how many there are; null if there is none.
  at(x, y) {
    const row = this.tops.findIndex((top) => y >= top && y < top + ROW);
    if (row < 0 || x < LEFT) return null;
    let found = -1;
    let amount = 0;
    for (let at = this.points.from(this.time(x - 6)), end = this.points.from(this.time(x + 6)); at < end; at++) {
      if (this.points.row[at] !== row) continue;
      amount++;
      const nearer = found < 0 || this.points.risks[at] > this.points.risks[found]
        || (this.points.risks[at] === this.points.risks[found] && Math.abs(this.x(this.points.times[at]) - x) < Math.abs(this.x(this.points.times[found]) - x));
      if (nearer) found = at;
    }
    return amount ? { found, amount } : null;
  }

  describe(at) {
    const one = this.points.get(at);
    const risk = one.risk > 0 ? `, risk ${one.risk.toFixed(2)}` : "";
    return `${momentText(one.time, true)} ${inert(one.action || one.kind).slice(0, 200)} by ${inert(one.actor || "somebody").slice(0, 200)}${risk}`;
  }

  point(x, y) {
    const there = this.at(x, y);
    this.tip.hidden = !there;
    if (!there) return;
    this.tip.textContent = this.describe(there.found) + (there.amount > 1 ? ` and ${there.amount - 1} more here` : "");
    this.tip.style.left = `${Math.min(x + 12, this.width - 330)}px`;
    this.tip.style.top = `${y + 14}px`;
  }

  open(at) {
    this.section.dispatchEvent(new CustomEvent("openentry", { bubbles: true, detail: { id: this.points.get(at).event_id } }));
  }

  // The next point in view, announced.
  step(by) {
    const begin = this.points.from(this.view.from);
    const end = this.points.from(this.view.to);
    if (begin === end) return;
    const inside = this.focused >= begin && this.focused < end;
    const next = inside ? this.focused + by : by > 0 ? begin : end - 1;
    this.focused = Math.min(this.points.length - 1, Math.max(0, next));
    const time = this.points.times[this.focused];
    if (time < this.view.from || time > this.view.to) this.pan(time - (this.view.from + this.view.to) / 2);
    this.tip.textContent = this.describe(this.focused);
    this.tip.hidden = false;
    this.tip.style.left = `${Math.min(this.x(time) + 12, this.width - 330)}px`;
    this.tip.style.top = `${this.tops[this.points.row[this.focused]] + ROW}px`;
    say(this.describe(this.focused));
    this.later();
  }

  // Hands

  listen() {
    this.place.addEventListener("wheel", (event) => {
      event.preventDefault();
      const span = this.view.to - this.view.from;
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan((event.deltaX / this.columns) * span);
      else this.zoom(Math.exp(Math.max(-400, Math.min(400, event.deltaY)) * 0.003), this.time(Math.max(LEFT, this.spot(event).x)));
    }, { passive: false });
    this.place.addEventListener("pointerdown", (event) => this.press(event));
    this.place.addEventListener("pointermove", (event) => this.move(event));
    this.place.addEventListener("pointerup", (event) => this.release(event));
    this.place.addEventListener("pointercancel", () => { this.held = null; this.selection = null; this.later(); });
    this.place.addEventListener("pointerleave", () => { if (!this.held) this.tip.hidden = true; });
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.section.querySelector("[role=toolbar]").addEventListener("click", (event) => {
      const what = event.target.closest("[data-do]")?.dataset.do;
      if (what === "in") this.zoom(0.5);
      if (what === "out") this.zoom(2);
      if (what === "all") this.all();
      if (what === "choose") this.setChoosing(!this.choosing);
      if (what === "seen") this.choose(this.view.from, this.view.to);
    });
    new ResizeObserver(() => { if (this.place.clientWidth !== this.width) this.resize(); }).observe(this.place);
    const again = () => { this.colours(); this.later(); };
    document.addEventListener("themechange", again);
    document.addEventListener("clockchange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }

  spot(event) {
    const edges = this.canvas.getBoundingClientRect();
    return { x: event.clientX - edges.left, y: event.clientY - edges.top };
  }

  press(event) {
    if (event.button) return;
    const { x, y } = this.spot(event);
    this.place.setPointerCapture(event.pointerId);
    const what = y < STRIP ? "strip" : event.shiftKey || this.choosing ? "choose" : "pan";
    this.held = { what, x, y, began: this.time(x), from: this.view.from, moved: false };
    if (what === "strip") this.centre(x);
  }

  move(event) {
    const { x, y } = this.spot(event);
    if (!this.held) return this.point(x, y);
    if (Math.abs(x - this.held.x) > 3) this.held.moved = true;
    if (this.held.what === "strip") this.centre(x);
    else if (this.held.what === "choose") {
      this.selection = [this.held.began, this.time(Math.max(LEFT, Math.min(this.width, x)))];
      this.later();
    } else if (this.held.moved) {
      const span = this.view.to - this.view.from;
      this.view.from = this.held.from - ((x - this.held.x) / this.columns) * span;
      this.view.to = this.view.from + span;
      this.keep();
    }
  }

  release(event) {
    const held = this.held;
    this.held = null;
    if (!held) return;
    if (held.what === "choose" && held.moved) {
      this.setChoosing(false);
      this.choose(Math.min(...this.selection), Math.max(...this.selection));
    } else if (!held.moved && held.what !== "strip") {
      const { x, y } = this.spot(event);
      const there = this.at(x, y);
      if (there) {
        this.focused = there.found;
        this.open(there.found);
      }
    }
    this.later();
  }

  centre(x) {
    const time = this.whole.from + ((x - LEFT) / this.columns) * (this.whole.to - this.whole.from);
    this.pan(time - (this.view.from + this.view.to) / 2);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const span = this.view.to - this.view.from;
    const done = {
      ArrowLeft: () => this.pan(-span * 0.2), ArrowRight: () => this.pan(span * 0.2),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), Home: () => this.all(),
      n: () => this.step(1), p: () => this.step(-1), b: () => this.choose(this.view.from, this.view.to),
      Enter: () => { if (this.focused >= 0) this.open(this.focused); },
      Escape: () => { this.selection = null; this.focused = -1; this.tip.hidden = true; this.later(); },
    }[event.key];
    if (!done) return;
    done();
    event.preventDefault();
    if (event.key !== "Escape") event.stopPropagation();
  }
}
