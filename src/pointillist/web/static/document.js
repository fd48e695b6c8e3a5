// One image's labels: the instances, their history, and saving them.

import { api, ApiError, author } from "./api.js";
import { Emitter } from "./dom.js";
import { store } from "./store.js";

const RETRY = 2000;
const MOST_KEPT = 60;

let lastKey = 0;
export const nextKey = () => (lastKey += 1);

/** All documents tell here: "change" (doc), "saving", "saved", "failed" (message), "conflict". */
export const events = new Emitter();

export class ImageDocument {
  instances = [];
  undone = [];
  done = [];
  conflict = null;
  #ids = new Map();
  #dirty = false;
  #saving = null;

  constructor(shown) {
    this.id = shown.id;
    this.take(shown);
  }

  /** Takes over what the server has. */
  take(shown) {
    this.name = shown.name;
    this.width = shown.width;
    this.height = shown.height;
    this.problem = shown.problem;
    this.rank = shown.rank;
    this.why = shown.why;
    this.predictions = shown.predictions;
    this.dismissed = new Set();
    this.#takeState(shown);
    shown.predictions.forEach((prediction, index) => {
      const labelled = this.instances[prediction.label];
      if (prediction.label !== null && labelled) labelled.draft = index;
    });
  }

  #takeState(state) {
    this.revision = state.revision;
    this.instances = state.instances.map((instance) => ({ ...instance, key: nextKey(), draft: null }));
  }

  get unsaved() {
    return this.#dirty || this.#saving !== null;
  }

  instance(key) {
    return this.instances.find((instance) => instance.key === key) ?? null;
  }

  /** Alters the instances; one step of undo. */
  change(alter) {
    const before = structuredClone(this.instances);
    alter(this.instances);
    if (JSON.stringify(before) === JSON.stringify(this.instances)) return;
    this.done.push(before);
    this.undone = [];
    this.#touched();
  }

  undo() {
    return this.#travel(this.done, this.undone);
  }

  redo() {
    return this.#travel(this.undone, this.done);
  }

  #travel(from, to) {
    if (!from.length) return false;
    to.push(structuredClone(this.instances));
    this.instances = from.pop();
    this.#touched();
    return true;
  }

  #touched() {
    this.#dirty = true;
    events.emit("change", this);
    this.flush();
  }

  #sent() {
    return this.instances.map(({ id, key, points, box, box_from_points, extra }) => ({
      id: id ?? this.#ids.get(key) ?? null,
      points,
      box,
      box_from_points,
      extra,
    }));
  }

  /** Sends what is not saved; changes made meanwhile go with the next round. */
  flush(options = {}) {
    if (!this.#saving && this.#dirty && !this.conflict) {
      this.#saving = this.#save(options).finally(() => {
        this.#saving = null;
        if (this.#dirty && !this.conflict) this.flush();
        else events.emit("saved", this);
      });
    }
    return this.#saving;
  }

  async #save(options) {
    events.emit("saving", this);
    this.#dirty = false;
    const keys = this.instances.map((instance) => instance.key);
    const body = { base: this.revision, author, instances: this.#sent() };
    try {
      const state = await api.save(this.id, body, options);
      this.revision = state.revision;
      state.instances.forEach((instance, i) => this.#ids.set(keys[i], instance.id));
      store.setRow(state.row);
    } catch (error) {
      this.#dirty = true;
      if (error instanceof ApiError && error.status === 409) {
        this.conflict = error.body.current;
        events.emit("conflict", this);
        return;
      }
      events.emit("failed", error.message);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  /** Ends a conflict: "theirs" takes the other state (undo brings this one back), or "mine". */
  resolve(choice) {
    const current = this.conflict;
    this.conflict = null;
    if (choice === "theirs") {
      this.done.push(structuredClone(this.instances));
      this.undone = [];
      this.#takeState(current);
      this.#dirty = false;
      events.emit("change", this);
      events.emit("saved", this);
      return;
    }
    this.revision = current.revision;
    this.#dirty = true;
    this.flush();
  }

  /** Brings a document up to date that was changed elsewhere while nothing was changed here. */
  refresh(shown) {
    if (this.unsaved || this.conflict) return;
    const same = shown.revision === this.revision;
    if (!same) {
      // To undo across somebody else's change would take that back too, without a question.
      this.done = [];
      this.undone = [];
      this.take(shown);
      events.emit("change", this);
    } else if (JSON.stringify(shown.predictions) !== JSON.stringify(this.predictions)) {
      this.take(shown);
      events.emit("change", this);
    }
  }
}

const documents = new Map();

/** The document of an image; its history lasts as long as the tab. */
export async function openDocument(id) {
  const known = documents.get(id);
  if (known?.unsaved || known?.conflict) return known;
  const shown = await api.image(id);
  if (known) {
    known.refresh(shown);
    return known;
  }
  const opened = new ImageDocument(shown);
  documents.set(id, opened);
  forgetOldest();
  return opened;
}

/** Documents without a history can be fetched again. */
function forgetOldest() {
  if (documents.size <= MOST_KEPT) return;
  for (const [id, doc] of documents) {
    if (!doc.done.length && !doc.undone.length && !doc.unsaved) {
      documents.delete(id);
      return;
    }
  }
}

export const unsavedDocuments = () => [...documents.values()].filter((doc) => doc.unsaved || doc.conflict);
