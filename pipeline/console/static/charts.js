// Elements with `data-series` become charts (uPlot). The table below each says the same to whoever cannot see it.
"use strict";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function drawn(figure) {
  const said = JSON.parse(figure.dataset.series);
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "12px system-ui" };
  const local = localStorage.getItem("clock") === "local";
  const series = said.lines.map((line) => ({
    label: line.name, stroke: colour(line.colour), width: line.bars ? 0 : 1.6, fill: line.bars ? colour(line.colour) : undefined,
    paths: line.bars ? uPlot.paths.bars({ size: [0.85, 40] }) : undefined, points: { show: !line.bars && said.times.length < 3 },
    spanGaps: true,
  }));
  const chart = new uPlot({
    width: figure.clientWidth, height: Number(figure.dataset.height || 140), tzDate: (at) => (local ? new Date(at * 1000) : uPlot.tzDate(new Date(at * 1000), "Etc/UTC")),
    cursor: { y: false }, legend: { live: true, show: said.lines.length > 1 || figure.dataset.legend === "true" },
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low), said.top ?? Math.max(1, high * 1.08)] } },
    axes: [axis, { ...axis, size: 54 }], series: [{ label: local ? "local" : "UTC" }, ...series],
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
