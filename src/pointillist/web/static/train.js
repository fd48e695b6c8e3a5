// Train: start, watch, stop, continue.

import { api } from "./api.js";
import { find, h, percent, plural } from "./dom.js";
import { plot } from "./plot.js";
import { store } from "./store.js";

const EVERY = 1500;
const SMOOTH = 0.9;
const STATES = {
  training: "training",
  predicting: "predicting all images",
  finished: "finished",
  stopped: "stopped",
  failed: "failed",
};

let shown = false;
let drawn = "";

export function startTrain() {
  store.on("job", write);
  store.on("rows", write);
  find("#train-start").addEventListener("click", () => {
    const minutes = Number(find("#train-minutes").value);
    act(() => api.start(minutes > 0 ? minutes : null));
  });
  find("#train-stop").addEventListener("click", () => act(api.stop));
  find("#train-resume").addEventListener("click", () => act(api.resume));
  setInterval(() => {
    if (shown && store.job.busy && !document.hidden) drawCurves();
  }, EVERY);
}

export function showTrain(visible) {
  shown = visible;
  if (!visible) return;
  drawn = "";
  write();
}

async function act(run) {
  find("#train-problem").textContent = "";
  try {
    store.job = await run();
    store.emit("job");
  } catch (error) {
    find("#train-problem").textContent = error.message;
  }
}

function write() {
  const { busy, work, rounds, resumable } = store.job;
  const latest = rounds.at(-1);
  const counts = store.counts();
  const labelled = counts.some + counts.done;
  find("#train-labelled").textContent = labelled.toLocaleString("en");
  find("#train-unit").textContent = labelled === 1 ? "labelled image" : "labelled images";
  find("#train-detail").textContent =
    `${plural(counts.done, "image")} finished, ${counts.some} in part. Whatever is labelled is used; ` +
    `the other ${counts.none.toLocaleString("en")} help as unlabelled images.`;
  find("#train-start").disabled = busy || labelled === 0;
  find("#train-stop").hidden = !busy;
  find("#train-resume").hidden = !resumable;
  find("#train-state").textContent = busy
    ? `${latest && work === "train" ? latest.name : ""} ${work === "predict" ? "Predicting all images…" : "is training…"}`
    : latest
      ? `${latest.name}: ${STATES[latest.state]}`
      : "No round yet.";
  find("#train-state").dataset.state = busy ? "busy" : (latest?.state ?? "");
  find("#train-reason").hidden = !latest?.reason;
  find("#train-reason").textContent = latest?.reason ?? "";
  document.body.dataset.training = String(busy);
  const table = rounds.map((round) =>
    h("tr", {}, h("td", {}, round.name), h("td", {}, round.images === null ? "–" : String(round.images)),
      h("td", {}, new Date(round.started).toLocaleString()), h("td", {}, lasted(round)),
      h("td", { "data-state": round.state }, STATES[round.state])),
  );
  find("#rounds").replaceChildren(...table.reverse());
  find("#rounds-table").hidden = rounds.length === 0;
  const now = JSON.stringify([latest?.name, latest?.state]);
  if (shown && now !== drawn) {
    drawn = now;
    drawCurves();
  }
}

function lasted({ started, ended }) {
  const seconds = Math.round(((ended ? new Date(ended) : new Date()) - new Date(started)) / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

async function drawCurves() {
  const latest = store.job.rounds.at(-1);
  find("#curves").hidden = !latest;
  if (!latest) return;
  const rows = await api.curves(latest.name).catch(() => []);
  const column = (name) => rows.filter((row) => name in row).map((row) => [row.step, row[name]]);
  const loss = column("loss");
  plot(find("#plot-loss"), [
    { name: "loss", className: "faint", points: loss },
    { name: "loss, smoothed", className: "main", points: smoothed(loss) },
  ], { x: "step", y: "loss", from: 0, format: (v) => (v === 0 ? "0" : v.toPrecision(2)) });
  plot(find("#plot-score"), [{ name: "PCK@0.1", className: "main", points: column("val/pck@0.1"), dots: true }],
    { x: "step", y: "PCK@0.1", from: 0, to: 1, format: (v) => percent(v) });
}

/** A running mean that forgets; at the start, the mean of what there is. */
function smoothed(points) {
  let [sum, weight] = [0, 0];
  return points.map(([x, y]) => {
    sum = SMOOTH * sum + y;
    weight = SMOOTH * weight + 1;
    return [x, sum / weight];
  });
}
