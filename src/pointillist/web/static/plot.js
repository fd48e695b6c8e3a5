// A small line plot, as SVG.

const SPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 48, right: 16, top: 12, bottom: 34 };

function svg(tag, attributes = {}, text) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Round numbers between two ends. */
export function ticks(low, high, count = 4) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((m) => m * power >= raw) ?? 10);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}

/**
 * Draws lines into an element.
 * series: [{name, className, points: [[x, y], ...], dots}]; options: {x: "step", y: "loss", from, to, format}
 */
export function plot(element, series, { x, y, from, to, format = String }) {
  const width = Math.max(element.clientWidth, 240);
  const height = Math.max(element.clientHeight, 160);
  const points = series.flatMap((line) => line.points);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${y} over ${x}` });
  element.replaceChildren(picture);
  if (!points.length) {
    picture.append(svg("text", { x: width / 2, y: height / 2, class: "plot-empty", "text-anchor": "middle" }, "nothing yet"));
    return;
  }
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x0, x1] = [Math.min(...xs, from ?? Infinity), Math.max(...xs)];
  const y0 = to === undefined ? Math.min(...ys, 0) : 0;
  const y1 = to ?? Math.max(...ys) * 1.05;
  const spanX = x1 - x0 || 1;
  const spanY = y1 - y0 || 1;
  const innerWidth = width - MARGIN.left - MARGIN.right;
  const innerHeight = height - MARGIN.top - MARGIN.bottom;
  const px = (v) => MARGIN.left + ((v - x0) / spanX) * innerWidth;
  const py = (v) => MARGIN.top + (1 - (v - y0) / spanY) * innerHeight;
  for (const v of ticks(y0, y1)) {
    picture.append(svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: py(v), y2: py(v), class: "plot-grid" }));
    picture.append(svg("text", { x: MARGIN.left - 8, y: py(v) + 4, class: "plot-tick", "text-anchor": "end" }, format(v)));
  }
  for (const v of ticks(x0, x1)) {
    picture.append(svg("text", { x: px(v), y: height - 16, class: "plot-tick", "text-anchor": "middle" }, v.toLocaleString("en")));
  }
  picture.append(svg("text", { x: MARGIN.left + innerWidth / 2, y: height - 2, class: "plot-tick", "text-anchor": "middle" }, x));
  for (const line of series) {
    if (!line.points.length) continue;
    const path = line.points.map((p, i) => `${i ? "L" : "M"}${px(p[0]).toFixed(1)} ${py(p[1]).toFixed(1)}`).join("");
    picture.append(svg("path", { d: path, class: `plot-line ${line.className ?? ""}` }));
    const dotted = line.dots || line.points.length === 1 ? line.points : line.points.slice(-1);
    for (const p of dotted) {
      const dot = svg("circle", { cx: px(p[0]), cy: py(p[1]), r: 3.5, class: `plot-dot ${line.className ?? ""}` });
      dot.append(svg("title", {}, `${line.name}: ${format(p[1])}`));
      picture.append(dot);
    }
  }
}
