// Puts the page together: tabs, and which image is open.

import { startDialogs, note } from "./dialogs.js";
import { openDocument } from "./document.js";
import { find, percent } from "./dom.js";
import { showGallery, startGallery } from "./gallery.js";
import { startKeys, writeHelp } from "./keys.js";
import { labeler } from "./labeler.js";
import { startPanel } from "./panel.js";
import { startPointer } from "./pointer.js";
import { showResults } from "./results.js";
import { startSetup } from "./setup.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { showTrain, startTrain } from "./train.js";

const TABS = ["label", "review", "train", "results"];

const app = {
  tab: "",

  /** Shows a tab. */
  show(tab) {
    this.tab = tab;
    for (const name of TABS) {
      find(`#tab-${name}`).hidden = name !== tab;
      const link = find(`nav [data-tab=${name}]`);
      if (name === tab) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (tab === "label") stage.element.focus({ preventScroll: true });
    if (tab === "review") showGallery(labeler.doc?.id);
    showTrain(tab === "train");
    if (tab === "results") showResults(this);
  },

  /** Opens an image for labelling. */
  async label(id) {
    location.hash = `label/${id}`;
  },

  go(step) {
    if (!labeler.doc) return;
    const id = store.neighbour(labeler.doc.id, step);
    if (id === null) note(step > 0 ? "This is the last image." : "This is the first image.");
    else this.label(id);
  },

  goUnfinished() {
    const id = store.nextUnfinished(labeler.doc?.id ?? null);
    if (id === null) note("Every image in this list is finished.");
    else this.label(id);
  },

  toggleReview() {
    location.hash = this.tab === "label" ? "review" : `label/${labeler.doc?.id ?? ""}`;
  },

  reviewWorst(id) {
    store.show("all", "error", "");
    this.label(id);
  },

  help() {
    find("#help").showModal();
  },
};

/** The address says what is shown: #label/12, #review, ... so that back and reload work. */
async function route() {
  const [tab, rest] = location.hash.slice(1).split("/");
  if (!TABS.includes(tab)) {
    location.replace("#label");
    return;
  }
  app.show(tab);
  if (tab !== "label") return;
  const asked = Number(rest);
  const id = store.rows.has(asked) ? asked : (labeler.doc?.id ?? firstToLabel());
  if (id === labeler.doc?.id && asked === id) return;
  if (asked !== id) history.replaceState(null, "", `#label/${id}`);
  stage.fetch(id); // at once, not only when the labels are there
  try {
    await labeler.open(id);
  } catch (error) {
    note(error.message);
  }
}

const firstToLabel = () => store.nextUnfinished(null) ?? store.ids[0];

function writeProgress() {
  const { done, some } = store.counts();
  const total = store.ids.length;
  find("#progress").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} finished`;
  find("#progress").title = `${done} finished, ${some} in part`;
  find("#progress-bar").style.width = percent(total ? done / total : 0, 2).replace(" ", "");
}

/** What changed elsewhere appears here, unless it is being changed here too. */
async function catchUp(ids) {
  const { doc } = labeler;
  if (doc && !doc.unsaved && (!ids || ids.includes(doc.id))) await openDocument(doc.id).catch(() => {});
}

async function start() {
  await store.load();
  if (!store.project.started) {
    find("#setup").hidden = false;
    startSetup(store.project, () => location.reload());
    return;
  }
  document.title = `${store.project.folder} – pointillist`;
  find("#project-name").textContent = store.project.folder;
  find("#app").hidden = false;
  labeler.start(store.project.skeleton);
  stage.start();
  startPointer();
  startPanel(app);
  startGallery(app);
  startTrain();
  startDialogs();
  startKeys(app);
  writeHelp(app);
  find("#help-button").addEventListener("click", () => app.help());
  store.on("rows", writeProgress);
  store.on("reloaded", writeProgress);
  store.on("rows", (ids) => catchUp(ids));
  store.on("reloaded", () => catchUp(null));
  window.addEventListener("hashchange", route);
  writeProgress();
  store.watch();
  store.poll();
  await route();
  document.body.dataset.ready = "true";
}

start().catch((error) => {
  find("#failure").hidden = false;
  find("#failure").textContent = error.message;
});
