// Outcomes over time, stacked by group. The canvas is for eyes; the same figures stand in a table for everybody.
import { html, useEffect, useRef, useState } from "../html.js";
import { dateTime, dayAndMonth, getZone, lang, number, t, timeOfDay } from "../i18n/index.js";
import { GROUPS, grouped } from "../outcomes.js";
import { preferences } from "../preferences.js";
import { useStore } from "../store.js";
import uPlot from "../vendor/uplot.js";
import { Mark, groupName } from "./outcome.js";

const DAY_S = 86400;
const HEIGHT = 220;
const LEAST_BUCKETS = 12;
const darkness = matchMedia("(prefers-color-scheme: dark)");

/** What a custom property is as a colour that a canvas understands. */
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** `buckets`: [{time, results}]; `bucketS`: how long each is; `from`, `to`: Unix seconds, where the axis shall be longer. */
export function TimeChart({ buckets, bucketS, from, to, label }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [at, setAt] = useState(null);
  const { theme } = useStore(preferences);
  const [dark, setDark] = useState(darkness.matches);
  useEffect(() => {
    const changed = () => setDark(darkness.matches);
    darkness.addEventListener("change", changed);
    return () => darkness.removeEventListener("change", changed);
  }, []);

  const counted = buckets.map((one) => ({ time: one.time, counts: grouped(one.results) }));
  const present = GROUPS.filter((group) => counted.some((one) => one.counts[group] > 0));
  const shape = `${present} ${theme} ${dark} ${lang()} ${bucketS}`;
  const data = dataOf(counted, present, bucketS, from, to);
  const bounds = useRef(data);
  bounds.current = data;

  useEffect(() => {
    const options = optionsOf(present, bounds, (index) => setAt(index));
    plot.current = new uPlot({ ...options, width: place.current.clientWidth || 300, height: HEIGHT }, data.columns, place.current);
    const watch = new ResizeObserver(([entry]) => plot.current.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT }));
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    if (plot.current && plot.current.series.length === data.columns.length) plot.current.setData(data.columns);
  });

  const pointed = at === null ? null : counted.find((one) => one.time === data.columns[0][at]);
  const total = (counts) => GROUPS.reduce((sum, group) => sum + counts[group], 0);
  return html`<figure class="chart">
    <figcaption class="unseen">${label}</figcaption>
    <div class="canvas" ref=${place} aria-hidden="true" />
    <ul class="legend num">${present.map((group) => html`<li key=${group}><${Mark} group=${group} />${groupName(group)}
      <b>${number((pointed ? [pointed] : counted).reduce((sum, one) => sum + one.counts[group], 0))}</b></li>`)}
      <li class="muted">${pointed ? timeLabel(pointed.time, bucketS) : t("chart.inAll")}</li></ul>
    <details class="disclosure"><summary>${t("chart.asTable")}</summary>
      <div class="table-wrap" tabindex="0" role="region" aria-label=${t("chart.figures", { name: label })}><table class="table num"><thead><tr><th scope="col">${t("chart.time")}</th>
        ${present.map((group) => html`<th scope="col" class="end" key=${group}>${groupName(group)}</th>`)}<th scope="col" class="end">${t("chart.total")}</th></tr></thead>
        <tbody>${[...counted].reverse().slice(0, 120).map((one) => html`<tr key=${one.time}><th scope="row">${timeLabel(one.time, bucketS)}</th>
          ${present.map((group) => html`<td class="end" key=${group}>${number(one.counts[group])}</td>`)}<td class="end">${number(total(one.counts))}</td></tr>`)}</tbody>
      </table></div></details>
  </figure>`;
}

const timeLabel = (time, bucketS) => (bucketS >= DAY_S ? dayAndMonth(time) : dateTime(time));

/** uPlot's columns: times, then the sums of the groups up to this one, the tallest first so that it is painted first. */
function dataOf(counted, present, bucketS, from, to) {
  const times = counted.map((one) => one.time);
  const columns = [times];
  for (let last = present.length; last > 0; last -= 1) {
    columns.push(counted.map((one) => present.slice(0, last).reduce((sum, group) => sum + one.counts[group], 0)));
  }
  return { columns, ...boundsOf(times, bucketS, from, to) };
}

/** Where the axis begins and ends: with the last bar, never in the future. */
export function boundsOf(times, bucketS, from = Infinity, to = -Infinity) {
  const end = Math.max(to, ...times.slice(-1).map((time) => time + bucketS));
  // a few bars are no wall: there is room before them
  return { first: Math.min(from, end - LEAST_BUCKETS * bucketS, ...times.slice(0, 1)), end };
}

function optionsOf(present, bounds, point) {
  const grid = { stroke: colour("--track"), width: 1 };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false }, grid };
  const bars = uPlot.paths.bars({ size: [0.82, 26], align: 1, radius: 0.12 });
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [8, 18, 0, 0],
    tzDate: (time) => uPlot.tzDate(new Date(time * 1000), getZone()),
    scales: {
      x: { time: true, range: () => [bounds.current.first, bounds.current.end] },
      y: { range: (_plot, _least, most) => [0, Math.max(4, Math.ceil((most || 0) * 1.1))] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 28, values: (_plot, splits, _axis, _space, step) => splits.map((time) => (step >= DAY_S ? dayAndMonth(time) : timeOfDay(time))) },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000], values: (_plot, splits) => splits.map((value) => number(value)) },
    ],
    series: [{}, ...[...present].reverse().map((group) => ({ fill: colour(`--g-${group}`), stroke: colour(`--g-${group}`), width: 0, paths: bars, points: { show: false } }))],
    hooks: { setCursor: [(plot) => point(plot.cursor.left >= 0 ? plot.cursor.idx : null)] },
  };
}
