// Mouse, pen and fingers on the stage.

import { labeler } from "./labeler.js";
import { stage } from "./stage.js";

const REACH = { mouse: 11, pen: 14, touch: 24 };
const STILL = 3;
// A click this near to a point means that point, even while another one is to be placed.
const ON_IT = 4.5;

const touches = new Map();
let action = null; // what the pressed pointer is doing
let spaceHeld = false;

const isPanning = (event) => event.button === 1 || (event.button === 0 && spaceHeld);

function at(event) {
  const area = stage.overlay.getBoundingClientRect();
  return [event.clientX - area.left, event.clientY - area.top];
}

/** The point under a place on the screen: labelled ones first, those of the active instance most. */
export function hit(x, y, reach) {
  const { doc } = labeler;
  if (!doc || !labeler.show.labels) return null;
  let [best, nearest] = [null, reach];
  const consider = (point, candidate, handicap) => {
    const [px, py] = stage.viewport.toScreen(point.x, point.y);
    const distance = Math.hypot(px - x, py - y) + handicap;
    if (distance < nearest) [best, nearest] = [candidate, distance];
  };
  for (const instance of doc.instances) {
    instance.points.forEach((point, k) => {
      if (!Array.isArray(point)) return;
      const handicap = instance.key === labeler.active ? 0 : 2;
      consider({ x: point[0], y: point[1] }, { key: instance.key, k }, handicap);
    });
  }
  for (const point of labeler.drafts()) consider(point, { draft: point.draft, k: point.k }, 3);
  return best;
}

function press(event) {
  const [x, y] = at(event);
  stage.element.focus({ preventScroll: true });
  stage.overlay.setPointerCapture(event.pointerId);
  if (event.pointerType === "touch") {
    touches.set(event.pointerId, [x, y]);
    if (touches.size === 2) {
      abandon();
      action = { kind: "pinch", ...pinch() };
      return;
    }
  }
  if (action || !labeler.doc || labeler.doc.problem) return;
  if (isPanning(event)) {
    action = { kind: "pan", x, y };
    stage.overlay.classList.add("panning");
    return;
  }
  if (event.button !== 0 && event.button !== 2) return;
  const start = stage.viewport.toImage(x, y);
  if (labeler.tool === "box" && event.button === 0) {
    action = { kind: "box", start };
    return;
  }
  const found = hit(x, y, REACH[event.pointerType] ?? REACH.mouse);
  if (found && event.button === 0) {
    const [px, py] = pointOf(found);
    // A point moves with the mouse from where it was, not onto the mouse.
    const offset = [px - start[0], py - start[1]];
    const beside = Math.hypot(...offset) * stage.viewport.scale;
    action = { kind: "drag", found, x, y, offset, beside, hidden: event.shiftKey };
    return;
  }
  action = { kind: "place", hidden: event.shiftKey || event.button === 2, x, y };
}

function pointOf({ key, draft, k }) {
  if (draft === undefined) return labeler.doc.instance(key).points[k];
  return labeler.doc.predictions[draft].points[k];
}

function move(event) {
  const [x, y] = at(event);
  if (event.pointerType === "touch" && touches.has(event.pointerId)) touches.set(event.pointerId, [x, y]);
  stage.pointer = event.pointerType === "touch" ? null : [x, y];
  const here = stage.viewport.toImage(x, y);
  switch (action?.kind) {
    case "pan":
      stage.viewport.pan(x - action.x, y - action.y);
      [action.x, action.y] = [x, y];
      break;
    case "pinch": {
      if (touches.size < 2) break;
      const now = pinch();
      stage.viewport.pan(now.x - action.x, now.y - action.y);
      stage.viewport.zoom(now.distance / action.distance, now.x, now.y);
      Object.assign(action, now);
      break;
    }
    case "box":
      stage.band = boxOf(action.start, here);
      break;
    case "drag":
      if (stage.dragged || Math.hypot(x - action.x, y - action.y) >= STILL) {
        if (!stage.dragged) pick(action.found);
        const [dx, dy] = action.offset;
        stage.dragged = { ...action.found, x: here[0] + dx, y: here[1] + dy };
      }
      break;
    default:
      stage.hover = hit(x, y, REACH.mouse);
      stage.overlay.classList.toggle("over-point", stage.hover !== null);
  }
  stage.redraw();
}

function release(event) {
  touches.delete(event.pointerId);
  const finished = action;
  if (finished?.kind === "pinch") {
    if (touches.size === 0) action = null;
    return;
  }
  action = null;
  stage.overlay.classList.remove("panning");
  if (!finished || !labeler.doc) return;
  const [x, y] = at(event);
  const here = stage.viewport.toImage(x, y);
  const { dragged } = stage;
  stage.dragged = stage.band = null;
  if (finished.kind === "place") {
    labeler.place(...here, finished.hidden ? 1 : 2);
  } else if (finished.kind === "box") {
    const box = boxOf(finished.start, here);
    if (Math.min(box[2], box[3]) * stage.viewport.scale > STILL) labeler.setBox(box);
  } else if (finished.kind === "drag") {
    drop(finished, dragged, here);
  }
  stage.redraw();
}

function pick(found) {
  if (found.draft === undefined) labeler.select(found.k, found.key);
  else labeler.pickedDraft = found.draft;
}

function drop({ found, beside, hidden }, dragged, here) {
  if (found.draft !== undefined) {
    const [px, py] = dragged ? [dragged.x, dragged.y] : pointOf(found);
    labeler.takePoint(found.draft, found.k, px, py);
  } else if (dragged) {
    labeler.move(found.key, found.k, dragged.x, dragged.y);
  } else if (beside > ON_IT && labeler.target !== null) {
    labeler.place(...here, hidden ? 1 : 2);
  } else {
    pick(found);
  }
}

/** A second finger, Escape or a lost pointer: what was begun is not done. */
export function abandon() {
  action = null;
  stage.dragged = stage.band = null;
  stage.overlay.classList.remove("panning");
  stage.redraw();
}

function pinch() {
  const [[x1, y1], [x2, y2]] = [...touches.values()];
  return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, distance: Math.max(Math.hypot(x2 - x1, y2 - y1), 1) };
}

function boxOf([x1, y1], [x2, y2]) {
  const { width, height } = labeler.doc;
  const inside = (value, most) => Math.min(Math.max(value, 0), most);
  const [left, right] = [inside(Math.min(x1, x2), width), inside(Math.max(x1, x2), width)];
  const [top, bottom] = [inside(Math.min(y1, y2), height), inside(Math.max(y1, y2), height)];
  return [left, top, right - left, bottom - top];
}

export function startPointer() {
  const { overlay } = stage;
  labeler.on("image", abandon); // what was begun on another image is not done on this one
  overlay.addEventListener("pointerdown", press);
  overlay.addEventListener("pointermove", move);
  overlay.addEventListener("pointerup", release);
  overlay.addEventListener("pointercancel", (event) => {
    touches.delete(event.pointerId);
    abandon();
  });
  overlay.addEventListener("pointerleave", () => {
    stage.pointer = stage.hover = null;
    stage.redraw();
  });
  overlay.addEventListener("contextmenu", (event) => event.preventDefault());
  overlay.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      // A pinch on a touchpad arrives as a wheel with Ctrl, in small steps.
      const speed = event.ctrlKey ? 0.01 : 0.0015;
      stage.viewport.zoom(Math.exp(-event.deltaY * lines * speed), ...at(event));
      stage.redraw();
    },
    { passive: false },
  );
}

/** Space pressed or let go: dragging then moves the view. */
export function holdSpace(held) {
  spaceHeld = held;
  stage.overlay.classList.toggle("can-pan", held);
}
