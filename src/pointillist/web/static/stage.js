// The stage: the image, and over it the points. Two canvases, so that brightness and contrast
// (a CSS filter) touch the image only.

import { pictureUrl } from "./api.js";
import { extentOf } from "./drafts.js";
import { drawBox, drawEdges, drawPoint, drawText } from "./drawing.js";
import { find } from "./dom.js";
import { labeler } from "./labeler.js";
import { store } from "./store.js";
import { Viewport } from "./viewport.js";

const KEPT = 8;
const SHARP = 3;

class Stage {
  viewport = new Viewport();
  adjust = { brightness: 1, contrast: 1 };
  cursor = null; // where the keyboard would place a point, in image pixels
  pointer = null; // where the mouse is, in screen pixels
  hover = null; // the point under the mouse
  dragged = null; // a point being dragged: {key | draft, k, x, y}
  band = null; // a box being drawn, in image pixels
  #bitmaps = new Map();
  #picture = null;
  #drawn = false;
  #view = []; // what the picture canvas shows

  start() {
    this.element = find("#stage");
    this.pictureCanvas = find("#picture");
    this.overlay = find("#overlay");
    this.message = find("#stage-message");
    new ResizeObserver(() => this.#resize()).observe(this.element);
    labeler.on("image", (doc) => this.#show(doc));
    labeler.on("change", () => this.redraw());
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const density = window.devicePixelRatio || 1;
    for (const canvas of [this.pictureCanvas, this.overlay]) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    this.#view = []; // a new size empties a canvas
    this.viewport.resize(width, height);
    this.redraw();
  }

  async #show(doc) {
    this.cursor = this.hover = this.dragged = this.band = null;
    this.#picture = null;
    this.message.textContent = "";
    this.redraw();
    try {
      if (doc.problem) throw new Error(doc.problem);
      const picture = await this.#load(doc.id, doc.width, doc.height);
      if (labeler.doc !== doc) return;
      this.#picture = picture;
      this.viewport.setImage(doc.width, doc.height);
    } catch (error) {
      if (labeler.doc === doc) this.message.textContent = error.message;
    }
    this.redraw();
    this.element.dataset.shown = String(doc.id);
    // What is likely to be opened next is fetched while nobody waits.
    for (const step of [1, -1]) {
      const id = store.neighbour(doc.id, step);
      if (id !== null) this.fetch(id);
    }
  }

  /** Begins to fetch a picture that will be wanted. */
  fetch(id) {
    this.#load(id).catch(() => {}); // whoever shows it says what is wrong
  }

  /** The decoded picture; where the browser sees another size than the data set, the server's. */
  async #load(id, width, height) {
    let picture = this.#bitmaps.get(id);
    if (!picture) {
      picture = decode(pictureUrl(id, false));
      this.#bitmaps.set(id, picture);
      picture.catch(() => this.#bitmaps.delete(id));
      const [oldest] = this.#bitmaps.keys();
      if (this.#bitmaps.size > KEPT) this.#bitmaps.delete(oldest);
    }
    const decoded = await picture;
    if (!width || (decoded.naturalWidth === width && decoded.naturalHeight === height)) return decoded;
    const again = decode(pictureUrl(id, true));
    this.#bitmaps.set(id, again);
    return again;
  }

  redraw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#drawPicture();
      this.#drawOverlay();
    });
  }

  #context(canvas) {
    const context = canvas.getContext("2d");
    const density = window.devicePixelRatio || 1;
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, this.viewport.width, this.viewport.height);
    return context;
  }

  #drawPicture() {
    const { brightness, contrast } = this.adjust;
    this.pictureCanvas.style.filter =
      brightness === 1 && contrast === 1 ? "" : `brightness(${brightness}) contrast(${contrast})`;
    const { x, y, scale } = this.viewport;
    // The mouse moves over the points, seldom the picture: that is drawn only when it changed.
    const view = [this.#picture, x, y, scale, this.pictureCanvas.width, this.pictureCanvas.height];
    if (view.every((value, i) => value === this.#view[i])) return;
    this.#view = view;
    const context = this.#context(this.pictureCanvas);
    if (!this.#picture) return;
    context.imageSmoothingEnabled = scale < SHARP;
    context.imageSmoothingQuality = "medium";
    const { width, height } = labeler.doc;
    context.drawImage(this.#picture, x, y, width * scale, height * scale);
  }

  #drawOverlay() {
    const context = this.#context(this.overlay);
    const { doc } = labeler;
    if (!doc || !this.#picture) return;
    const to = (x, y) => this.viewport.toScreen(x, y);
    if (doc.conflict) this.#drawGhosts(context, doc.conflict.instances, to);
    if (labeler.show.labels) {
      this.#drawDrafts(context, to);
      for (const instance of doc.instances) this.#drawInstance(context, instance, to);
    }
    if (this.band) drawBox(context, this.band, to, { dash: [5, 4] });
    if (this.cursor && !Array.isArray(labeler.instance?.points[labeler.current])) {
      this.#drawCross(context, ...to(...this.cursor));
    }
    if (this.pointer && labeler.tool === "point" && !this.dragged) this.#drawHint(context);
  }

  #drawInstance(context, instance, to) {
    const { skeleton, sides, active, current, show, doc } = labeler;
    const isActive = instance.key === active;
    const alpha = isActive || doc.instances.length === 1 ? 1 : 0.55;
    const points = instance.points.map((point, k) =>
      this.dragged?.key === instance.key && this.dragged.k === k && Array.isArray(point)
        ? [this.dragged.x, this.dragged.y, point[2]]
        : point,
    );
    const box = instance.box_from_points ? extentOf(points) : instance.box;
    if (box) drawBox(context, box, to, { dash: instance.box_from_points ? [4, 4] : [], alpha: alpha * 0.8 });
    drawEdges(context, skeleton, sides, points, to, { alpha: alpha * 0.9 });
    points.forEach((point, k) => {
      if (!Array.isArray(point)) return;
      const [x, y] = to(point[0], point[1]);
      const selected = isActive && k === current;
      drawPoint(context, sides[k], x, y, { hidden: point[2] === 1, selected, alpha });
      const hovered = this.hover?.key === instance.key && this.hover.k === k;
      if (show.names || hovered || selected) drawText(context, skeleton.keypoints[k], x + 12, y - 10);
    });
  }

  #drawDrafts(context, to) {
    const { skeleton, sides, doc } = labeler;
    const drafts = labeler.drafts();
    for (const index of new Set(drafts.map((point) => point.draft))) {
      const own = doc.instances.find((instance) => instance.draft === index);
      const points = skeleton.keypoints.map((_, k) => {
        const open = drafts.find((point) => point.draft === index && point.k === k);
        return open ? [open.x, open.y] : Array.isArray(own?.points[k]) ? own.points[k] : null;
      });
      drawEdges(context, skeleton, sides, points, to, { width: 1.5, alpha: 0.75, dash: [5, 4] });
    }
    for (const point of drafts) {
      const moved = this.dragged?.draft === point.draft && this.dragged.k === point.k;
      const [x, y] = moved ? to(this.dragged.x, this.dragged.y) : to(point.x, point.y);
      drawPoint(context, sides[point.k], x, y, { draft: true });
      const hovered = this.hover?.draft === point.draft && this.hover.k === point.k;
      const name = labeler.show.names || hovered ? `${skeleton.keypoints[point.k]} ` : "";
      drawText(context, `${name}${Math.round(100 * point.confidence)}`, x + 9, y - 9, "#cfd6dd");
    }
  }

  #drawGhosts(context, instances, to) {
    const { skeleton, sides } = labeler;
    for (const { points } of instances) {
      drawEdges(context, skeleton, sides, points, to, { width: 1, alpha: 0.6, dash: [2, 4] });
      points.forEach((point, k) => {
        if (Array.isArray(point)) drawPoint(context, sides[k], ...to(point[0], point[1]), { ghost: true, alpha: 0.7 });
      });
    }
  }

  /** The name of what a click would place, beside the mouse. */
  #drawHint(context) {
    const { target, skeleton } = labeler;
    if (target === null || this.hover) return;
    const [x, y] = this.pointer;
    drawText(context, skeleton.keypoints[target], x + 14, y + 16, "#ffffff");
  }

  #drawCross(context, x, y) {
    context.save();
    for (const [colour, width] of [["rgba(0,0,0,0.7)", 3], ["#fff", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 4 * dx, y + 4 * dy);
        context.lineTo(x + 16 * dx, y + 16 * dy);
      }
      context.stroke();
    }
    context.restore();
  }

  // What keys do to the view ------------------------------------------------------------------

  zoom(factor) {
    this.viewport.zoom(factor, ...(this.pointer ?? []));
    this.redraw();
  }

  pan(dx, dy) {
    this.viewport.pan(dx, dy);
    this.redraw();
  }

  fit() {
    this.viewport.fit();
    this.redraw();
  }

  zoomToInstance() {
    const { instance, doc } = labeler;
    const points = instance?.points.some(Array.isArray) ? instance.points : doc?.predictions[0]?.points;
    const box = instance?.box ?? (points && extentOf(points.map((p) => p ?? null)));
    if (box) this.viewport.show(box);
    this.redraw();
  }

  setAdjust(brightness, contrast) {
    const limited = (value) => Math.min(Math.max(Math.round(value * 20) / 20, 0.2), 4);
    this.adjust = { brightness: limited(brightness), contrast: limited(contrast) };
    labeler.emit("change");
  }

  /** Arrow keys: the selected point by screen pixels, else the cross that the keyboard places at. */
  arrow(dx, dy) {
    const { scale, width, height } = this.viewport;
    if (labeler.nudge(dx / scale, dy / scale)) return;
    this.cursor ??= this.viewport.toImage(...(this.pointer ?? [width / 2, height / 2]));
    this.cursor = [this.cursor[0] + dx / scale, this.cursor[1] + dy / scale];
    this.redraw();
  }

  placeAtCursor() {
    const { width, height } = this.viewport;
    const at = this.cursor ?? this.viewport.toImage(...(this.pointer ?? [width / 2, height / 2]));
    labeler.place(...at);
    this.cursor = at;
  }
}

async function decode(url) {
  const response = await fetch(url);
  if (!response.ok) {
    const content = await response.json().catch(() => ({}));
    throw new Error(content.detail ?? `The picture cannot be had (${response.status}).`);
  }
  const picture = new Image();
  picture.src = URL.createObjectURL(await response.blob());
  try {
    await picture.decode();
  } catch {
    throw new Error("The browser cannot show this picture.");
  } finally {
    URL.revokeObjectURL(picture.src);
  }
  return picture;
}

export const stage = new Stage();
