// Labelling one image: what is selected, and everything that a key or a click can do to it.

import { extentOf, freeDrafts, nearestDraft, openDrafts } from "./drafts.js";
import { sidesOf } from "./drawing.js";
import { events, nextKey, openDocument } from "./document.js";
import { Emitter } from "./dom.js";
import { store } from "./store.js";

const DECIMALS = 1000;
const rounded = (value) => Math.round(value * DECIMALS) / DECIMALS;

/** Tells "image" (another one is open), "change" (redraw) and "note" (a line for the person). */
class Labeler extends Emitter {
  doc = null;
  active = null; // key of the active instance
  current = null; // index of the current keypoint
  pickedDraft = null; // index of a prediction that nothing was taken from yet
  tool = "point";
  threshold = 0;
  show = { predictions: true, names: false, labels: true };
  #opening = 0;
  #adding = false; // a new instance was asked for and has no point yet

  start(skeleton) {
    this.skeleton = skeleton;
    this.sides = sidesOf(skeleton);
    events.on("change", (doc) => {
      if (doc !== this.doc) return;
      if (!this.instance && !this.#adding) this.active = doc.instances[0]?.key ?? null;
      this.emit("change");
    });
  }

  get instance() {
    return this.doc?.instance(this.active) ?? null;
  }

  async open(id) {
    if (id === null || id === undefined) return;
    const opening = (this.#opening += 1);
    const doc = await openDocument(id);
    // A slow answer must not replace an image that was asked for later.
    if (opening !== this.#opening) return;
    this.doc = doc;
    this.#adding = false;
    this.tool = "point";
    this.pickedDraft = null;
    const open = doc.instances.find((instance) => instance.points.includes(null)) ?? doc.instances[0];
    this.active = open?.key ?? null;
    this.current = this.#nextOpen(-1);
    this.emit("image", doc);
    this.emit("change");
  }

  /** The keypoint that a click would place: the current one, else the next open one; or null. */
  get target() {
    if (this.current === null) return null;
    const point = this.instance?.points[this.current] ?? null;
    return Array.isArray(point) ? this.#nextOpen(this.current) : this.current;
  }

  #nextOpen(after) {
    const points = this.instance?.points ?? this.skeleton.keypoints.map(() => null);
    for (let step = 1; step <= points.length; step += 1) {
      const k = (after + step + points.length) % points.length;
      if (points[k] === null) return k;
    }
    return null;
  }

  #inside(x, y) {
    const { width, height } = this.doc;
    return [rounded(Math.min(Math.max(x, 0), width)), rounded(Math.min(Math.max(y, 0), height))];
  }

  #blank(draft = null) {
    return {
      key: nextKey(),
      id: null,
      points: this.skeleton.keypoints.map(() => null),
      box: null,
      box_from_points: false,
      extra: {},
      draft,
    };
  }

  /** Alters the active instance, a new one if there is none. */
  #alter(alter, draft = this.pickedDraft) {
    if (this.doc.problem) {
      this.emit("note", "This image cannot be read, so there is nothing to label.");
      return;
    }
    this.#adding = false;
    this.doc.change((instances) => {
      let instance = instances.find((one) => one.key === this.active);
      if (!instance) {
        instance = this.#blank(draft);
        instances.push(instance);
        this.active = instance.key;
        this.pickedDraft = null;
      }
      alter(instance, instances);
    });
  }

  select(k, key = this.active) {
    this.active = key;
    this.current = k;
    this.pickedDraft = null;
    this.emit("change");
  }

  step(by) {
    const count = this.skeleton.keypoints.length;
    this.select(this.current === null ? (by > 0 ? 0 : count - 1) : (this.current + by + count) % count);
  }

  stepInstance(by) {
    const { instances } = this.doc;
    if (!instances.length) return;
    const at = instances.findIndex((instance) => instance.key === this.active);
    this.activate(instances[(at + by + instances.length) % instances.length].key);
  }

  /** Makes an instance the active one, at its first open keypoint. */
  activate(key) {
    this.#adding = false;
    this.active = key;
    this.select(this.#nextOpen(-1));
  }

  newInstance() {
    this.#adding = true;
    this.active = null;
    this.pickedDraft = null;
    this.current = 0;
    this.emit("change");
    this.emit("note", `New ${this.skeleton.name}: place ${this.skeleton.keypoints[0]}`);
  }

  removeInstance() {
    if (this.pickedDraft !== null) {
      this.doc.dismissed.add(this.pickedDraft);
      this.pickedDraft = null;
      this.emit("change");
      return;
    }
    if (!this.instance) {
      const draft = this.drafts()[0]?.draft;
      if (draft === undefined) return;
      this.doc.dismissed.add(draft);
      this.emit("change");
      this.emit("note", "Dismissed the prediction. Shift X says that there is nothing in the image.");
      return;
    }
    const gone = this.active;
    const { draft } = this.instance;
    if (draft !== null) this.doc.dismissed.add(draft);
    this.doc.change((instances) => {
      instances.splice(instances.findIndex((instance) => instance.key === gone), 1);
    });
    this.current = this.#nextOpen(-1);
    this.emit("change");
  }

  /** Puts the next keypoint somewhere and goes on to the one after it. */
  place(x, y, visibility = 2) {
    const k = this.target;
    if (k === null) {
      this.select(null);
      this.emit("note", `Every point is set. N begins another ${this.skeleton.name}, D goes on.`);
      return;
    }
    if (x < 0 || y < 0 || x > this.doc.width || y > this.doc.height) {
      this.emit("note", "That is outside the image. X marks a point that is not there.");
      return;
    }
    this.#alter((instance) => {
      instance.points[k] = [rounded(x), rounded(y), visibility];
    }, nearestDraft(this.doc, this.drafts(), k, x, y, this.#adding));
    this.current = this.#nextOpen(k);
    this.emit("change");
  }

  /** Moves a point of an instance. */
  move(key, k, x, y) {
    this.active = key;
    this.current = k;
    this.#alter((instance) => {
      instance.points[k] = [...this.#inside(x, y), instance.points[k][2]];
    });
  }

  /** Takes one predicted point over, corrected or as it is. */
  takePoint(draft, k, x, y) {
    this.active = this.doc.instances.find((instance) => instance.draft === draft)?.key ?? null;
    this.current = k;
    this.#alter((instance) => {
      instance.points[k] = [...this.#inside(x, y), 2];
    }, draft);
  }

  nudge(dx, dy) {
    const point = this.instance?.points[this.current];
    if (!Array.isArray(point)) return false;
    this.move(this.active, this.current, point[0] + dx, point[1] + dy);
    return true;
  }

  toggleHidden() {
    const point = this.instance?.points[this.current];
    if (!Array.isArray(point)) {
      this.emit("note", "Place the point first; Shift-click places a hidden one.");
      return;
    }
    this.#alter((instance) => {
      instance.points[this.current] = [point[0], point[1], point[2] === 2 ? 1 : 2];
    });
  }

  /** There is no such point in this image. */
  markAbsent() {
    if (this.current === null) return;
    const k = this.current;
    this.#alter((instance) => {
      instance.points[k] = "absent";
    }, this.pickedDraft ?? this.#draftWith(k));
    this.current = this.#nextOpen(k);
    this.emit("change");
  }

  markRestAbsent() {
    this.#alter((instance) => {
      instance.points = instance.points.map((point) => point ?? "absent");
    });
    this.current = null;
    this.emit("change");
  }

  /** Back to undecided. */
  clearPoint() {
    if (this.current === null || !this.instance) return;
    const k = this.current;
    this.#alter((instance) => {
      instance.points[k] = null;
    });
  }

  swapSides() {
    if (!this.instance) return;
    this.#alter((instance) => {
      for (const [left, right] of this.skeleton.flip_pairs) {
        const { points } = instance;
        [points[left], points[right]] = [points[right], points[left]];
      }
    });
  }

  setBox(box) {
    this.tool = "point";
    this.#alter((instance) => {
      instance.box = box.map(rounded);
      instance.box_from_points = false;
    });
    this.emit("change");
  }

  boxFromPoints() {
    const box = this.instance && extentOf(this.instance.points)?.map(rounded);
    if (!box) {
      this.emit("note", "A box from points needs points.");
      return;
    }
    this.#alter((instance) => {
      instance.box = box;
      instance.box_from_points = true;
    });
  }

  toggleTool() {
    this.tool = this.tool === "box" ? "point" : "box";
    this.emit("change");
  }

  toggle(what) {
    this.show[what] = !this.show[what];
    this.emit("change");
  }

  undo() {
    if (!this.#travel(() => this.doc.undo())) this.emit("note", "There is nothing to undo.");
  }

  redo() {
    if (!this.#travel(() => this.doc.redo())) this.emit("note", "There is nothing to redo.");
  }

  /** Goes through the history and selects the point that changed. */
  #travel(go) {
    const before = new Map(this.doc.instances.map((one) => [one.key, JSON.stringify(one.points)]));
    if (!go()) return false;
    const changed = this.doc.instances.find((one) => before.get(one.key) !== JSON.stringify(one.points));
    if (changed) {
      const old = JSON.parse(before.get(changed.key) ?? "[]");
      this.active = changed.key;
      this.current = changed.points.findIndex((p, k) => JSON.stringify(p) !== JSON.stringify(old[k] ?? null));
    }
    if (!changed || this.current < 0) this.current = this.#nextOpen(-1);
    this.emit("change");
    return true;
  }

  /** Predicted points that nobody decided about yet: [{draft, k, x, y, confidence}]. */
  drafts() {
    return this.doc && this.show.predictions ? openDrafts(this.doc, this.threshold) : [];
  }

  /** The prediction that a decision about a keypoint belongs to where nothing is labelled yet. */
  #draftWith(k) {
    return this.instance || this.#adding ? null : (freeDrafts(this.doc, this.drafts(), k)[0]?.draft ?? null);
  }

  /** Takes all shown predicted points over; says whether there were any. */
  acceptAll() {
    const drafts = this.drafts();
    if (!drafts.length) return false;
    this.doc.change((instances) => {
      for (const { draft, k, x, y } of drafts) {
        let instance = instances.find((one) => one.draft === draft);
        if (!instance) {
          instance = this.#blank(draft);
          instances.push(instance);
        }
        instance.points[k] = [rounded(x), rounded(y), 2];
        const prediction = this.doc.predictions[draft];
        if (!instance.box && prediction.box && !prediction.box_from_points) {
          instance.box = prediction.box.map(rounded);
        }
      }
    });
    this.active ??= this.doc.instances[0].key;
    this.current = this.#nextOpen(-1);
    this.emit("change");
    return true;
  }

  /** Copies the instances of the previous image (or frame) of the folder. */
  async copyPrevious() {
    const { doc } = this;
    const previous = store.ids[store.ids.indexOf(doc.id) - 1];
    if (previous === undefined) {
      this.emit("note", "This is the first image: there is none before it.");
      return;
    }
    const source = await openDocument(previous);
    if (this.doc !== doc) return;
    if (!source.instances.length) {
      this.emit("note", `Nothing is labelled in ${source.name}.`);
      return;
    }
    doc.change((instances) => {
      const copies = structuredClone(source.instances).map((instance) => ({
        ...instance,
        id: null,
        key: nextKey(),
        draft: null,
      }));
      instances.splice(0, instances.length, ...copies);
    });
    this.active = doc.instances[0].key;
    this.current = null;
    this.emit("change");
    this.emit("note", `Copied from ${source.name}`);
  }
}

export const labeler = new Labeler();
