// The panel beside the stage: image, instances, keypoints, predictions, light.

import { COLOURS, outline } from "./drawing.js";
import { find, h, percent, plural } from "./dom.js";
import { labeler } from "./labeler.js";
import { stage } from "./stage.js";
import { store } from "./store.js";

const STATES = { 2: "visible", 1: "hidden" };

export function startPanel(app) {
  labeler.on("change", write);
  labeler.on("image", () => find("#keypoints").scrollTo(0, 0));
  store.on("order", write);
  store.on("rows", write);
  const onClick = (selector, run) =>
    find(selector).addEventListener("click", (event) => {
      run();
      // After a click with the mouse the keys belong to the image again.
      if (event.detail > 0) stage.element.focus({ preventScroll: true });
    });
  onClick("#previous", () => app.go(-1));
  onClick("#next", () => app.go(1));
  onClick("#unfinished", () => app.goUnfinished());
  onClick("#undo", () => labeler.undo());
  onClick("#redo", () => labeler.redo());
  onClick("#zoom-in", () => stage.zoom(1.25));
  onClick("#zoom-out", () => stage.zoom(0.8));
  onClick("#fit", () => stage.fit());
  onClick("#box-tool", () => labeler.toggleTool());
  onClick("#names", () => labeler.toggle("names"));
  onClick("#hidden", () => labeler.toggleHidden());
  onClick("#absent", () => labeler.markAbsent());
  onClick("#clear", () => labeler.clearPoint());
  onClick("#copy", () => labeler.copyPrevious());
  onClick("#swap", () => labeler.swapSides());
  onClick("#accept", () => labeler.acceptAll());
  onClick("#light-reset", () => stage.setAdjust(1, 1));
  const light = () => stage.setAdjust(Number(find("#brightness").value), Number(find("#contrast").value));
  find("#brightness").addEventListener("input", light);
  find("#contrast").addEventListener("input", light);
  find("#threshold").addEventListener("input", () => {
    labeler.threshold = Number(find("#threshold").value);
    labeler.emit("change");
  });
  for (const slider of ["#brightness", "#contrast", "#threshold"]) {
    find(slider).addEventListener("pointerup", () => stage.element.focus({ preventScroll: true }));
  }
}

function write() {
  const { doc } = labeler;
  if (!doc) return;
  writeImage(doc);
  writeInstances(doc);
  writeKeypoints();
  writePredictions(doc);
  find("#undo").disabled = !doc.done.length;
  find("#redo").disabled = !doc.undone.length;
  find("#box-tool").setAttribute("aria-pressed", String(labeler.tool === "box"));
  find("#names").setAttribute("aria-pressed", String(labeler.show.names));
  stage.element.dataset.tool = labeler.tool;
  find("#brightness").value = stage.adjust.brightness;
  find("#contrast").value = stage.adjust.contrast;
}

function writeImage(doc) {
  const place = store.order.indexOf(doc.id);
  const list = place >= 0 ? store.order : store.ids;
  find("#image-name").textContent = doc.name.split("/").pop();
  find("#image-name").title = doc.name;
  find("#image-place").textContent = `${list.indexOf(doc.id) + 1} of ${list.length.toLocaleString("en")}`;
  const row = store.rows.get(doc.id);
  find("#image-status").dataset.status = row?.status ?? "none";
  find("#image-status").textContent = { none: "to do", some: "in part", done: "finished" }[row?.status ?? "none"];
  const reasons = [];
  if (doc.rank) reasons.push(`Suggestion ${doc.rank}${doc.why ? `: ${doc.why}` : ""}`);
  if (row?.error !== null && row?.error !== undefined) {
    reasons.push(`Prediction is off by ${percent(row.error, 1)} of the size`);
  }
  find("#image-reason").textContent = reasons.join(" · ");
}

function writeInstances(doc) {
  const chips = doc.instances.map((instance, i) =>
    h("button", {
      class: "chip",
      type: "button",
      "aria-pressed": String(instance.key === labeler.active),
      title: `${labeler.skeleton.name} ${i + 1}`,
      onclick: () => labeler.activate(instance.key),
    }, String(i + 1)),
  );
  const isNew = labeler.active === null;
  chips.push(
    h("button", {
      class: "chip",
      type: "button",
      "aria-pressed": String(isNew),
      title: "New instance (N)",
      onclick: () => labeler.newInstance(),
    }, "+"),
  );
  find("#instances").replaceChildren(...chips);
}

function stateOf(point, draft) {
  if (point === "absent") return "absent";
  if (Array.isArray(point)) return STATES[point[2]];
  return draft ? "predicted" : "open";
}

function writeKeypoints() {
  const { skeleton, sides, instance, current, target } = labeler;
  const drafts = labeler.drafts();
  const draftOf = (k) =>
    drafts.find((d) => d.k === k && (instance ? d.draft === instance.draft : true));
  const list = find("#keypoints");
  if (list.children.length !== skeleton.keypoints.length) {
    list.replaceChildren(...skeleton.keypoints.map((name, k) => keypointRow(name, k, sides[k])));
  }
  skeleton.keypoints.forEach((_, k) => {
    const row = list.children[k].firstChild;
    const draft = draftOf(k);
    const state = stateOf(instance?.points[k] ?? null, draft);
    row.dataset.state = state;
    row.setAttribute("aria-current", String(k === current));
    row.classList.toggle("next", k === target && k !== current);
    row.lastChild.textContent =
      state === "predicted" ? percent(draft.confidence) : state === "open" ? "" : state;
    if (k === current) row.scrollIntoView({ block: "nearest" });
  });
}

function keypointRow(name, k, side) {
  const button = h("button", {
    class: "keypoint",
    type: "button",
    onclick: (event) => {
      labeler.select(k);
      if (event.detail > 0) stage.element.focus({ preventScroll: true });
    },
  }, marker(side), h("span", { class: "name" }, name), h("span", { class: "state" }));
  return h("li", {}, button);
}

function marker(side) {
  const canvas = h("canvas", { class: "marker", width: 28, height: 28, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  outline(context, side, 7, 7, 4.5);
  context.fillStyle = COLOURS[side];
  context.fill();
  return canvas;
}

function writePredictions(doc) {
  const count = labeler.drafts().length;
  find("#predictions").hidden = doc.predictions.length === 0;
  find("#accept").disabled = count === 0;
  const none = !labeler.show.predictions ? "Hidden (O shows them)" : labeler.threshold ? "None above that" : "All decided";
  find("#accept-text").textContent = count ? `Accept ${plural(count, "prediction")}` : none;
  find("#threshold-value").textContent = percent(labeler.threshold);
  find("#threshold").value = labeler.threshold;
}
