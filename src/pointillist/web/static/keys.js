// The keys: one list, for doing what they say and for the help sheet.

import { find, h } from "./dom.js";
import { labeler } from "./labeler.js";
import { abandon, holdSpace } from "./pointer.js";
import { stage } from "./stage.js";

const SLOW = 1;
const FAST = 10;
const PAN = 80;
const STEP = 0.1;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const adjust = (brightness, contrast) => () =>
  stage.setAdjust(stage.adjust.brightness + brightness, stage.adjust.contrast + contrast);

/** Keys as KeyboardEvent.key has them, letters in lower case, "Shift+" and "Ctrl+" before them. */
export function bindings(app) {
  const acceptAndGo = () => {
    labeler.acceptAll();
    app.go(1);
  };
  return [
    { group: "Points", keys: ["Click"], label: "Place the point that the mouse names" },
    { group: "Points", keys: ["Shift+Click"], label: "Place it as hidden (covered)" },
    { group: "Points", keys: ["Drag"], label: "Move a point" },
    { group: "Points", keys: ["s"], label: "Next keypoint", run: () => labeler.step(1) },
    { group: "Points", keys: ["w"], label: "Previous keypoint", run: () => labeler.step(-1) },
    { group: "Points", keys: ["h"], label: "Hidden or visible", run: () => labeler.toggleHidden() },
    { group: "Points", keys: ["x"], label: "Absent: there is no such point", run: () => labeler.markAbsent() },
    { group: "Points", keys: ["Shift+x"], label: "All open points are absent", run: () => labeler.markRestAbsent() },
    { group: "Points", keys: ["Delete", "Backspace"], label: "Clear the point", run: () => labeler.clearPoint() },
    { group: "Points", keys: ["Arrows"], label: "Move the point, or the cross (Shift: far)" },
    { group: "Points", keys: ["p"], label: "Place at the cross", run: () => stage.placeAtCursor() },
    { group: "Points", keys: ["m"], label: "Swap left and right", run: () => labeler.swapSides() },
    { group: "Instances", keys: ["n"], label: "New instance", run: () => labeler.newInstance() },
    { group: "Instances", keys: ["]"], label: "Next instance", run: () => labeler.stepInstance(1) },
    { group: "Instances", keys: ["["], label: "Previous instance", run: () => labeler.stepInstance(-1) },
    { group: "Instances", keys: ["Shift+Delete", "Shift+Backspace"], label: "Delete it (a prediction: dismiss)", run: () => labeler.removeInstance() },
    { group: "Instances", keys: ["b"], label: "Box: drag it", run: () => labeler.toggleTool() },
    { group: "Instances", keys: ["Shift+b"], label: "Box from the points", run: () => labeler.boxFromPoints() },
    { group: "Instances", keys: ["c"], label: "Copy from the previous image", run: () => labeler.copyPrevious() },
    { group: "Predictions", keys: ["Enter"], label: "Accept all predicted points", run: () => labeler.acceptAll() || labeler.emit("note", "There is no prediction to accept.") },
    { group: "Predictions", keys: ["Shift+Enter"], label: "Accept all and go on", run: acceptAndGo },
    { group: "Predictions", keys: ["o"], label: "Show or hide predictions", run: () => labeler.toggle("predictions") },
    { group: "Images", keys: ["d", "PageDown"], label: "Next image", run: () => app.go(1) },
    { group: "Images", keys: ["a", "PageUp"], label: "Previous image", run: () => app.go(-1) },
    { group: "Images", keys: ["f"], label: "Next unfinished image", run: () => app.goUnfinished() },
    { group: "View", keys: ["Wheel"], label: "Zoom (or pinch)" },
    { group: "View", keys: ["+", "="], label: "Zoom in", run: () => stage.zoom(1.25) },
    { group: "View", keys: ["-"], label: "Zoom out", run: () => stage.zoom(0.8) },
    { group: "View", keys: ["0"], label: "Whole image", run: () => stage.fit() },
    { group: "View", keys: ["z"], label: "Zoom to the instance", run: () => stage.zoomToInstance() },
    { group: "View", keys: ["Space+Drag"], label: "Move the view (or middle button)" },
    { group: "View", keys: ["i"], label: "View up", run: () => stage.pan(0, PAN) },
    { group: "View", keys: ["k"], label: "View down", run: () => stage.pan(0, -PAN) },
    { group: "View", keys: ["j"], label: "View left", run: () => stage.pan(PAN, 0) },
    { group: "View", keys: ["l"], label: "View right", run: () => stage.pan(-PAN, 0) },
    { group: "View", keys: ["t"], label: "Names on or off", run: () => labeler.toggle("names") },
    { group: "View", keys: ["v"], label: "Points on or off", run: () => labeler.toggle("labels") },
    { group: "View", keys: ["1"], label: "Darker", run: adjust(-STEP, 0) },
    { group: "View", keys: ["2"], label: "Brighter", run: adjust(STEP, 0) },
    { group: "View", keys: ["3"], label: "Less contrast", run: adjust(0, -STEP) },
    { group: "View", keys: ["4"], label: "More contrast", run: adjust(0, STEP) },
    { group: "View", keys: ["5"], label: "Light as it was", run: () => stage.setAdjust(1, 1) },
    { group: "Page", keys: ["Ctrl+z"], label: "Undo", run: () => labeler.undo() },
    { group: "Page", keys: ["Ctrl+Shift+z", "Ctrl+y"], label: "Redo", run: () => labeler.redo() },
    { group: "Page", keys: ["g"], label: "Label or Review", run: () => app.toggleReview(), everywhere: true },
    { group: "Page", keys: ["?"], label: "This sheet", run: () => app.help(), everywhere: true },
  ];
}

function nameOf(event) {
  const letter = event.key.length === 1 && /[a-z]/i.test(event.key);
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Shift is part of signs such as "?" and "+" already.
  const shift = event.shiftKey && (letter || event.key.length > 1) ? "Shift+" : "";
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${shift}${key}`;
}

const writesIn = (element) =>
  element.matches("textarea, select, input:not([type=range], [type=checkbox])");

export function startKeys(app) {
  const actions = new Map();
  for (const binding of bindings(app)) {
    if (binding.run) for (const key of binding.keys) actions.set(key, binding);
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.altKey || writesIn(event.target)) return;
    const labelling = app.tab === "label" && labeler.doc;
    const onControl = event.target.matches("button, input, a, summary, [role=button]");
    if (onControl && ["Enter", " ", ...Object.keys(ARROWS)].includes(event.key)) return;
    if (event.key === "Escape" && labelling) {
      abandon();
      labeler.tool = "point";
      labeler.emit("change");
      return;
    }
    if (labelling && event.key === " ") {
      holdSpace(true);
      event.preventDefault();
      return;
    }
    if (labelling && event.key in ARROWS && !event.ctrlKey && !event.metaKey) {
      const [dx, dy] = ARROWS[event.key];
      const far = event.shiftKey ? FAST : SLOW;
      stage.arrow(dx * far, dy * far);
      event.preventDefault();
      return;
    }
    const binding = actions.get(nameOf(event));
    if (!binding || !(labelling || binding.everywhere)) return;
    event.preventDefault();
    binding.run();
  });

  document.addEventListener("keyup", (event) => {
    if (event.key === " ") holdSpace(false);
  });
  window.addEventListener("blur", () => holdSpace(false));
}

const SIGNS = { ArrowLeft: "←", Delete: "Del", PageDown: "Page ↓", PageUp: "Page ↑", Arrows: "← ↑ → ↓" };

/** Fills the help sheet. */
export function writeHelp(app) {
  const groups = new Map();
  for (const binding of bindings(app)) {
    if (!groups.has(binding.group)) groups.set(binding.group, []);
    groups.get(binding.group).push(binding);
  }
  const sheet = find("#help-keys");
  sheet.replaceChildren(
    ...[...groups].map(([name, list]) =>
      h("section", {}, h("h3", {}, name), h("dl", {}, list.map((binding) => [
        h("dt", {}, keyCaps(binding.keys[0])),
        h("dd", {}, binding.label),
      ]))),
    ),
  );
}

function keyCaps(key) {
  const parts = key === "+" ? ["+"] : key.split("+");
  return parts.flatMap((part, i) => [
    i ? " " : "",
    h("kbd", {}, SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part)),
  ]);
}
