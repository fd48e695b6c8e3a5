// The list of images: which there are, in which order they are shown, what changed elsewhere.

import { api } from "./api.js";
import { Emitter } from "./dom.js";

const POLL = 2000;

const UNSURE = 0.5;
const FAR_OFF = 0.1;

/** Which images are shown; some filters are offered only where there are such images. */
export const FILTERS = {
  all: { name: "All", always: true, test: () => true },
  todo: { name: "To do", always: true, test: (row) => row.status !== "done" },
  some: { name: "In part", always: true, test: (row) => row.status === "some" },
  done: { name: "Finished", always: true, test: (row) => row.status === "done" },
  predicted: {
    name: "To review",
    always: true,
    test: (row) => row.confidence !== null && row.status !== "done",
  },
  suggested: { name: "Suggested", title: "chosen by pointillist suggest", test: (row) => row.rank !== null },
  unsure: {
    name: "Unsure",
    title: "predicted with a confidence below 50 %",
    test: (row) => row.confidence !== null && row.confidence < UNSURE,
  },
  wrong: {
    name: "Far off",
    title: "predicted more than 10 % of the size away from the label",
    test: (row) => row.error !== null && row.error > FAR_OFF,
  },
};

const last = (value, fallback) => (value === null ? fallback : value);

/** In which order they are shown. */
export const SORTS = {
  file: { name: "File order", key: () => 0 },
  suggested: { name: "Suggested first", key: (row) => last(row.rank, Infinity) },
  confidence: { name: "Least certain first", key: (row) => last(row.confidence, Infinity) },
  error: { name: "Largest error first", key: (row) => -last(row.error, -Infinity) },
};

class Store extends Emitter {
  project = null;
  rows = new Map();
  ids = [];
  order = [];
  #before = []; // the order before the last arrangement
  filter = "all";
  sort = "file";
  search = "";
  job = { busy: false, work: "", rounds: [], resumable: false };
  problems = [];
  #sequence = 0;
  #predictions = 0;
  #session = "";

  async load() {
    this.project = await api.project();
    if (!this.project.started) return;
    this.problems = this.project.problems;
    await this.#reload();
  }

  async #reload() {
    const list = await api.images();
    this.rows = new Map(list.rows.map((row) => [row[0], asObject(list.columns, row)]));
    this.columns = list.columns;
    this.ids = [...this.rows.keys()];
    this.#sequence = list.sequence;
    this.#predictions = list.predictions;
    this.#session = list.session;
    this.arrange();
  }

  /** Applies filter and order anew. */
  arrange() {
    const { test } = FILTERS[this.filter];
    const { key } = SORTS[this.sort];
    const wanted = this.search.toLowerCase();
    const shown = [...this.rows.values()].filter(
      (row) => test(row) && (!wanted || row.name.toLowerCase().includes(wanted)),
    );
    if (this.sort !== "file") {
      const keys = new Map(shown.map((row) => [row.id, key(row)]));
      // Equal keys (two Infinities too) keep the file order: sorting is stable.
      shown.sort((a, b) => {
        const [p, q] = [keys.get(a.id), keys.get(b.id)];
        return p === q ? 0 : p - q;
      });
    }
    const order = shown.map((row) => row.id);
    if (String(order) !== String(this.order)) [this.#before, this.order] = [this.order, order];
    this.emit("order");
  }

  show(filter, sort, search = this.search) {
    Object.assign(this, { filter, sort, search });
    this.arrange();
  }

  /** An image's row as the server has it after a save of ours. */
  setRow(values) {
    const row = asObject(this.columns, values);
    this.rows.set(row.id, row);
    this.emit("rows", [row.id]);
  }

  counts() {
    const counts = { none: 0, some: 0, done: 0 };
    for (const row of this.rows.values()) counts[row.status] += 1;
    return counts;
  }

  /** The next image (step 1) or the one before (-1) in the order. From one that has just left the
   * order it goes on where that was; from one that was never there, in the file order. */
  neighbour(id, step) {
    const there = new Set(this.order);
    if (there.has(id)) return this.order[this.order.indexOf(id) + step] ?? null;
    const from = this.#before.indexOf(id);
    if (from < 0) return this.ids[this.ids.indexOf(id) + step] ?? null;
    const ahead = step > 0 ? this.#before.slice(from + 1) : this.#before.slice(0, from).reverse();
    return ahead.find((other) => there.has(other)) ?? null;
  }

  /** The next image that is not finished, in the order shown, from the start again at its end. */
  nextUnfinished(id) {
    const list = this.order.length ? this.order : this.ids;
    const from = list.indexOf(id) + 1;
    const ahead = [...list.slice(from), ...list.slice(0, from)];
    return ahead.find((other) => other !== id && this.rows.get(other).status !== "done") ?? null;
  }

  watch() {
    const again = () => setTimeout(() => this.poll().finally(again), document.hidden ? 5 * POLL : POLL);
    again();
  }

  async poll() {
    let changes;
    try {
      changes = await api.changes(this.#sequence);
    } catch (error) {
      this.emit("offline", error.message);
      return;
    }
    this.emit("online");
    this.job = changes.job;
    this.problems = changes.problems;
    this.emit("job");
    if (changes.session !== this.#session || changes.predictions !== this.#predictions) {
      await this.#reload();
      this.emit("reloaded");
      return;
    }
    this.#sequence = changes.sequence;
    const touched = changes.rows.map((row) => asObject(this.columns, row));
    for (const row of touched) this.rows.set(row.id, row);
    if (touched.length) this.emit("rows", touched.map((row) => row.id));
  }
}

function asObject(columns, row) {
  return Object.fromEntries(columns.map((column, i) => [column, row[i]]));
}

export const store = new Store();
