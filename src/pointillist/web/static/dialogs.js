// Dialogs, passing notes, and the line that says whether everything is saved.

import { events, unsavedDocuments } from "./document.js";
import { find, h } from "./dom.js";
import { labeler } from "./labeler.js";
import { store } from "./store.js";

const NOTE = 3500;
let noteTimer = 0;

/** A line that goes away by itself. */
export function note(text) {
  const line = find("#note");
  line.textContent = text;
  line.classList.add("shown");
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => line.classList.remove("shown"), NOTE);
}

function say(state, text) {
  const place = find("#save-state");
  place.dataset.state = state;
  place.textContent = text;
}

function writeSaveState() {
  const open = unsavedDocuments();
  if (open.some((doc) => doc.conflict)) say("failed", "Conflict: choose which version to keep");
  else if (open.length) say("saving", "Saving…");
  else say("saved", "All changes saved");
}

export function startDialogs() {
  labeler.on("note", note);
  events.on("saving", writeSaveState);
  events.on("saved", writeSaveState);
  events.on("failed", (message) => say("failed", `Not saved: ${message} Trying again…`));
  events.on("conflict", (doc) => {
    writeSaveState();
    if (doc === labeler.doc) askAboutConflict(doc);
  });
  labeler.on("image", (doc) => {
    if (doc.conflict) askAboutConflict(doc);
  });
  store.on("offline", (message) => say("failed", message));
  store.on("online", writeSaveState);
  store.on("job", writeProblems);
  window.addEventListener("beforeunload", (event) => {
    const open = unsavedDocuments();
    for (const doc of open) doc.flush({ keepalive: true });
    if (open.length) event.preventDefault();
  });
  // The problems can be read again by a click on their number.
  find("#problems").addEventListener("click", () => find("#problems-dialog").showModal());
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  for (const dialog of document.querySelectorAll("dialog:not(#conflict)")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
  writeSaveState();
  writeProblems();
}

function writeProblems() {
  const { problems } = store;
  find("#problems").hidden = problems.length === 0;
  find("#problems").textContent = `${problems.length} ⚠`;
  find("#problems-list").replaceChildren(...problems.map((line) => h("li", {}, line)));
}

function askAboutConflict(doc) {
  const dialog = find("#conflict");
  if (dialog.open) return;
  const count = (instances) => {
    const points = instances.flatMap((instance) => instance.points).filter(Array.isArray).length;
    return `${points} ${points === 1 ? "point" : "points"}`;
  };
  find("#conflict-image").textContent = doc.name;
  find("#conflict-mine").textContent = count(doc.instances);
  find("#conflict-theirs").textContent = count(doc.conflict.instances);
  labeler.emit("change");
  const choose = (choice) => () => {
    dialog.close();
    doc.resolve(choice);
    note(choice === "theirs" ? "Took the other version; undo brings yours back." : "Kept your version.");
  };
  find("#keep-mine").onclick = choose("mine");
  find("#take-theirs").onclick = choose("theirs");
  dialog.oncancel = (event) => event.preventDefault();
  dialog.showModal();
}
