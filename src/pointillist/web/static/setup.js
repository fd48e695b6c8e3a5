// The first start: which keypoints are there to label?

import { api } from "./api.js";
import { find, h, plural, settled } from "./dom.js";
import { COLOURS } from "./drawing.js";

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** "nose - tail" -> ["nose", "tail"]; null where it is no edge. */
export function parseEdge(line) {
  const parts = line.split(/\s+[-–—]\s+|\s*→\s*|\s*,\s*/).map((part) => part.trim());
  return parts.length === 2 && parts.every(Boolean) ? parts : null;
}

export function startSetup(project, done) {
  find("#setup-found").textContent = `${plural(project.images, "image")} found, such as ${project.examples.slice(0, 3).join(", ")}`;
  const names = find("#setup-keypoints");
  const edges = find("#setup-edges");
  const update = settled(() => preview(lines(names.value), lines(edges.value)), 200);
  names.addEventListener("input", update);
  edges.addEventListener("input", update);
  find("#setup-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = find("#setup-problem");
    problem.textContent = "";
    try {
      const wrong = lines(edges.value).find((line) => !parseEdge(line));
      if (wrong) throw new Error(`'${wrong}' is no line between two keypoints: write 'nose - tail'.`);
      await api.create({
        name: find("#setup-name").value,
        keypoints: lines(names.value),
        edges: lines(edges.value).map(parseEdge),
      });
      done();
    } catch (error) {
      problem.textContent = error.message;
    }
  });
  names.focus();
  update();
}

async function preview(names, edges) {
  const list = find("#setup-preview");
  const pairs = await api.pairs(names).catch(() => []);
  const sides = names.map(() => "middle");
  for (const [left, right] of pairs) [sides[left], sides[right]] = ["left", "right"];
  list.replaceChildren(
    ...names.map((name, k) => {
      const dot = h("span", { class: "swatch" });
      dot.style.background = COLOURS[sides[k]];
      return h("li", {}, dot, name);
    }),
  );
  const known = edges.map(parseEdge).filter((edge) => edge?.every((name) => names.includes(name))).length;
  find("#setup-summary").textContent = names.length
    ? `${plural(names.length, "keypoint")}, ${plural(pairs.length, "left-right pair")}, ${plural(known, "line")}`
    : "";
  find("#setup-start").disabled = names.length === 0;
}
