// Results: how good is it, where is it wrong, what did more labels bring?

import { api, thumbnailUrl } from "./api.js";
import { drawThumbnail, sidesOf } from "./drawing.js";
import { find, h, percent, plural } from "./dom.js";
import { plot } from "./plot.js";
import { store } from "./store.js";

export async function showResults(app) {
  let results;
  try {
    results = await api.results();
  } catch (error) {
    find("#results-note").textContent = error.message;
    return;
  }
  const part = results.new ?? results.trained;
  const kind = !results.known ? "unknown" : part === results.new ? "good" : "caution";
  find("#results-body").hidden = !part && results.rounds.length === 0;
  find("#results-empty").hidden = Boolean(part) || results.rounds.length > 0;
  writeScores(part, kind, results.accepted);
  writeRounds(results.rounds);
  await writeWorst(results.worst, app);
}

const MEASURED = {
  good: (on) => `Measured on ${on} that this model was not trained on.`,
  caution: (on) =>
    `Measured on ${on} that the model was trained on: on new images it will be worse. ` +
    "Label some others from scratch to see how it does there.",
  unknown: (on) => `Measured on ${on}. The model comes from elsewhere: it may have been trained on some of them.`,
};

const leftOut = (count) =>
  count ? ` ${plural(count, "image")} with accepted predictions left out: there the label is the prediction.` : "";

function writeScores(part, kind, accepted) {
  const scores = part?.scores;
  const pck = scores?.["pck@0.1"];
  find("#results-score").textContent = pck?.value == null ? "–" : percent(pck.value, 1);
  const range = pck?.ci95 ? ` (95 % interval ${percent(pck.ci95[0], 1)} to ${percent(pck.ci95[1], 1)})` : "";
  find("#results-meaning").textContent = pck
    ? `of the points lie within a tenth of the object's size of the label${range}`
    : (part?.reason ?? "There are no labels to compare the predictions with.");
  find("#results-note").textContent =
    (part ? MEASURED[kind](plural(part.images, "image")) : "") + leftOut(accepted);
  find("#results-note").dataset.kind = kind;
  const pixels = pixelErrors(scores);
  find("#results-points").replaceChildren(
    ...store.project.skeleton.keypoints.map((name) => pointRow(name, pck?.per_keypoint?.[name], pixels?.[name])),
  );
}

/** The median pixel error per keypoint. */
function pixelErrors(scores) {
  const name = Object.keys(scores ?? {}).find((key) => key.includes("median") && scores[key].unit === "px");
  return name ? scores[name].per_keypoint : null;
}

function pointRow(name, score, pixels) {
  const bar = h("span", { class: "bar" });
  const value = score?.value ?? null;
  bar.style.width = `${100 * (value ?? 0)}%`;
  return h("tr", {},
    h("th", { scope: "row" }, name),
    h("td", { class: "bar-cell" }, h("span", { class: "track" }, bar)),
    h("td", { class: "number" }, value === null ? "–" : percent(value)),
    h("td", { class: "number" }, pixels?.value == null ? "–" : `${pixels.value.toFixed(1)} px`),
    h("td", { class: "number" }, String(score?.n ?? 0)),
  );
}

function writeRounds(rounds) {
  const points = rounds
    .filter((round) => round.score !== null && round.images !== null)
    .map((round) => [round.images, round.score]);
  find("#rounds-figure").hidden = points.length === 0;
  plot(find("#plot-rounds"), [{ name: "PCK@0.1", className: "main", points, dots: true }], {
    x: "labelled images",
    y: "PCK@0.1",
    from: 0,
    to: 1,
    format: (v) => percent(v),
  });
}

async function writeWorst(worst, app) {
  const { skeleton } = store.project;
  const sides = sidesOf(skeleton);
  const list = find("#worst");
  find("#worst-section").hidden = worst.length === 0;
  const overlays = worst.length ? await api.overlays(worst.map((one) => one.id)).catch(() => []) : [];
  list.replaceChildren(
    ...worst.map((one) =>
      h("button", { type: "button", class: "cell", onclick: () => app.reviewWorst(one.id) },
        h("span", { class: "frame" }, h("img", { alt: "", src: thumbnailUrl(one.id) }), h("canvas")),
        h("span", { class: "caption" },
          h("span", { class: "name" }, store.rows.get(one.id)?.name.split("/").pop()),
          h("span", { class: "mark error" }, percent(one.error, 1)),
        ),
      ),
    ),
  );
  for (const [i, overlay] of overlays.entries()) {
    // Here the prediction is what one wants to see.
    drawThumbnail(list.children[i].querySelector("canvas"), { ...overlay, labels: [] }, skeleton, sides);
  }
}
