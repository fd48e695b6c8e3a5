// Review: all images as thumbnails with their points, filtered and sorted. Only what is on the
// screen is in the page, so ten thousand images scroll like ten.

import { api, thumbnailUrl } from "./api.js";
import { drawThumbnail, sidesOf } from "./drawing.js";
import { find, h, percent, plural, settled } from "./dom.js";
import { FILTERS, SORTS, store } from "./store.js";

const WIDTH = 196;
const HEIGHT = 184;
const GAP = 12;
const ROWS_AROUND = 2;
const AT_ONCE = 100;

const cells = new Map(); // position -> element
const overlays = new Map(); // image id -> what is drawn over it
let columns = 1;
let focused = 0;

export function startGallery(app) {
  const grid = find("#grid");
  const inner = find("#grid-inner");
  find("#sort").replaceChildren(
    ...Object.entries(SORTS).map(([key, { name }]) => h("option", { value: key }, name)),
  );
  find("#sort").addEventListener("change", (event) => {
    store.show(store.filter, event.target.value);
    grid.scrollTo(0, 0);
  });
  const search = settled((text) => store.show(store.filter, store.sort, text), 150);
  find("#search").addEventListener("input", (event) => search(event.target.value));
  grid.addEventListener("scroll", () => requestAnimationFrame(fill), { passive: true });
  new ResizeObserver(() => refresh()).observe(grid);
  inner.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) app.label(store.order[Number(cell.dataset.position)]);
  });
  grid.addEventListener("keydown", travel);
  store.on("order", () => refresh());
  store.on("reloaded", () => {
    overlays.clear();
    writeFilters();
    refresh();
  });
  store.on("rows", (ids) => {
    for (const id of ids) overlays.delete(id);
    writeFilters();
    refresh();
  });
  writeFilters();
}

/** To be called when the tab comes into sight; an image id scrolls there. */
export function showGallery(id) {
  store.arrange(); // what was finished meanwhile leaves "To review"
  const position = store.order.indexOf(id);
  if (position < 0) return;
  focused = position;
  const grid = find("#grid");
  const top = Math.floor(position / columns) * (HEIGHT + GAP);
  if (top < grid.scrollTop || top + HEIGHT > grid.scrollTop + grid.clientHeight) {
    grid.scrollTop = top - grid.clientHeight / 3;
  }
  fill();
}

function writeFilters() {
  const rows = [...store.rows.values()];
  const counted = Object.entries(FILTERS).map(([key, filter]) => [key, filter, rows.filter(filter.test).length]);
  const offered = counted.filter(([key, { always }, count]) => always || count || store.filter === key);
  find("#filters").replaceChildren(
    ...offered.map(([key, { name, title }, count]) =>
      h("button", {
        type: "button",
        class: "filter",
        title: title ?? "",
        "data-filter": key,
        "aria-pressed": String(store.filter === key),
        onclick: () => {
          store.show(key, store.sort);
          find("#grid").scrollTo(0, 0);
        },
      }, name, h("span", { class: "count" }, count.toLocaleString("en"))),
    ),
  );
}

function refresh() {
  const grid = find("#grid");
  if (!grid.clientWidth) return;
  columns = Math.max(1, Math.floor((grid.clientWidth - GAP) / (WIDTH + GAP)));
  const rows = Math.ceil(store.order.length / columns);
  find("#grid-inner").style.height = `${rows * (HEIGHT + GAP) + GAP}px`;
  find("#grid-empty").hidden = store.order.length > 0;
  find("#shown").textContent = plural(store.order.length, "image");
  for (const button of find("#filters").children) {
    button.setAttribute("aria-pressed", String(store.filter === button.dataset.filter));
  }
  find("#sort").value = store.sort;
  focused = Math.min(focused, Math.max(store.order.length - 1, 0));
  for (const cell of cells.values()) cell.remove();
  cells.clear();
  fill();
}

function fill() {
  const grid = find("#grid");
  if (!grid.clientWidth) return;
  const pitch = HEIGHT + GAP;
  const first = Math.max(0, Math.floor(grid.scrollTop / pitch) - ROWS_AROUND) * columns;
  const end = Math.ceil((grid.scrollTop + grid.clientHeight) / pitch) + ROWS_AROUND;
  const last = Math.min(store.order.length, end * columns);
  for (const [position, cell] of cells) {
    if (position >= first && position < last) continue;
    // An image that scrolled away need not be fetched any more.
    cell.querySelector("img").removeAttribute("src");
    cell.remove();
    cells.delete(position);
  }
  const left = (grid.clientWidth - columns * (WIDTH + GAP) + GAP) / 2;
  for (let position = first; position < last; position += 1) {
    if (cells.has(position)) continue;
    const cell = makeCell(position);
    cell.style.left = `${left + (position % columns) * (WIDTH + GAP)}px`;
    cell.style.top = `${GAP + Math.floor(position / columns) * pitch}px`;
    cells.set(position, cell);
    find("#grid-inner").append(cell);
  }
  loadSoon();
}

function makeCell(position) {
  const row = store.rows.get(store.order[position]);
  const marks = [];
  if (row.rank !== null) marks.push(h("span", { class: "mark rank", title: row.why }, `#${row.rank}`));
  if (row.error !== null) marks.push(h("span", { class: "mark error", title: "error against the label" }, percent(row.error, 1)));
  else if (row.confidence !== null) marks.push(h("span", { class: "mark", title: "confidence" }, percent(row.confidence)));
  return h(
    "button",
    {
      type: "button",
      class: "cell",
      "data-position": String(position),
      "data-status": row.status,
      tabindex: position === focused ? "0" : "-1",
      "aria-label": `${row.name}, ${row.status}`,
    },
    h("span", { class: "frame" }, h("img", { alt: "", draggable: "false", onerror: markBroken }), h("canvas")),
    h("span", { class: "caption" }, h("span", { class: "dot" }), h("span", { class: "name" }, row.name.split("/").pop()), ...marks),
  );
}

function markBroken(event) {
  event.target.closest(".cell")?.classList.add("broken");
}

// While scrolling fast nothing is asked for.
const loadSoon = settled(load, 60);

async function load() {
  const wanted = [];
  for (const [position, cell] of cells) {
    const id = store.order[position];
    const picture = cell.querySelector("img");
    if (!picture.getAttribute("src")) picture.src = thumbnailUrl(id);
    const known = overlays.get(id);
    if (known) drawOver(cell, known);
    else wanted.push(id);
  }
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    const found = await api.overlays(wanted.slice(i, i + AT_ONCE)).catch(() => []);
    for (const overlay of found) overlays.set(overlay.id, overlay);
  }
  if (!wanted.length) return;
  for (const [position, cell] of cells) {
    const overlay = overlays.get(store.order[position]);
    if (overlay) drawOver(cell, overlay);
  }
}

function drawOver(cell, overlay) {
  const { skeleton } = store.project;
  drawThumbnail(cell.querySelector("canvas"), overlay, skeleton, sidesOf(skeleton));
}

function travel(event) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  if (event.key === "Home") focused = 0;
  else if (event.key === "End") focused = store.order.length - 1;
  else if (event.key in steps) focused += steps[event.key];
  else return;
  event.preventDefault();
  focused = Math.min(Math.max(focused, 0), store.order.length - 1);
  showGallery(store.order[focused]);
  for (const cell of cells.values()) cell.tabIndex = Number(cell.dataset.position) === focused ? 0 : -1;
  cells.get(focused)?.focus({ preventScroll: true });
}
