// Elements with `data-series` become charts (uPlot). The table below each says the same to whoever cannot see it.
"use strict";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A time as `09-21 14:00`, or `09-21` at midnight; with its year where charts span more than one.
function clockText(at, local, years) {
  const shifted = new Date(at * 1000 - (local ? new Date(at * 1000).getTimezoneOffset() * 60000 : 0)).toISOString();
  const day = shifted.slice(years ? 0 : 5, 10);
  return shifted.slice(11, 16) === "00:00" ? day : `${day} ${shifted.slice(11, 16)}`;
}

function drawn(figure) {
  const said = JSON.parse(figure.dataset.series);
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui" };
  const local = localStorage.getItem("clock") === "local";
  const years = new Set([said.times[0], said.times.at(-1)].map((at) => new Date((at ?? 0) * 1000).getUTCFullYear())).size > 1;
  const times = { ...axis, space: 90, values: (_, splits) => splits.map((at) => clockText(at, local, years)) };
  const series = said.lines.map((line) => ({
    label: line.name, stroke: colour(line.colour), width: line.bars ? 0 : 1.6, fill: line.bars ? colour(line.colour) : undefined,
    paths: line.bars ? uPlot.paths.bars({ size: [0.85, 40] }) : undefined, points: { show: !line.bars && said.times.length < 3 },
    spanGaps: true,
  }));
  const chart = new uPlot({
    width: figure.clientWidth, height: Number(figure.dataset.height || 140), tzDate: (at) => (local ? new Date(at * 1000) : uPlot.tzDate(new Date(at * 1000), "Etc/UTC")),
    cursor: { y: false }, legend: { live: true, show: said.lines.length > 1 || figure.dataset.legend === "true" },
    // One day alone is shown with a day on either side.
    scales: { x: { time: true, range: (_, low, high) => (low === high ? [low - 86400, high + 86400] : [low, high]) }, y: { range: (_, low, high) => [Math.min(0, low), said.top ?? Math.max(1, high * 1.08)] } },
    axes: [times, { ...axis, size: 54 }],
    series: [{ label: local ? "local" : "UTC", value: (_, at) => (at == null ? "" : clockText(at, local, true)) }, ...series],
  }, [said.times, ...said.lines.map((line) => line.values)], figure);
  figure.chart = chart;
}

function draw() {
  for (const figure of document.querySelectorAll("[data-series]")) {
    figure.chart?.destroy();
    drawn(figure);
  }
}
document.addEventListener("DOMContentLoaded", draw);
document.addEventListener("themechange", draw);
document.addEventListener("clockchange", draw);
document.addEventListener("htmx:afterSettle", draw);
let resized = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(resized);
  resized = requestAnimationFrame(() => {
    for (const figure of document.querySelectorAll("[data-series]")) figure.chart?.setSize({ width: figure.clientWidth, height: figure.chart.height });
  });
});
