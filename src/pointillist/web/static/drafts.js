// Predictions that a person has not decided about: which points are open, whose they are.

const NEAR = 0.5; // of a prediction's size

/** The box x, y, width, height around the placed points, or null. */
export function extentOf(points) {
  const placed = points.filter(Array.isArray);
  if (!placed.length) return null;
  const xs = placed.map((point) => point[0]);
  const ys = placed.map((point) => point[1]);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

/** Predicted points of a document that are not labelled, dismissed, or less certain than that. */
export function openDrafts(doc, threshold) {
  const found = [];
  const nothing = doc.instances.some((one) => one.points.every((point) => point === "absent"));
  doc.predictions.forEach((prediction, draft) => {
    if (doc.dismissed.has(draft)) return;
    const taken = doc.instances.find((instance) => instance.draft === draft);
    // A person has said that nothing is in the image.
    if (nothing && !taken) return;
    prediction.points.forEach((point, k) => {
      if (!point || point[2] < threshold) return;
      if (!taken || taken.points[k] === null) {
        found.push({ draft, k, x: point[0], y: point[1], confidence: point[2] });
      }
    });
  });
  return found;
}

/** Of open points those of a keypoint whose prediction no instance has taken. */
export function freeDrafts(doc, drafts, k) {
  const taken = (draft) => doc.instances.some((instance) => instance.draft === draft);
  return drafts.filter((point) => point.k === k && !taken(point.draft));
}

/** The prediction that a freshly placed point belongs to, or null: the one with the same keypoint
 * nearest, and not farther than half its size unless there is only one animal. */
export function nearestDraft(doc, drafts, k, x, y, isNew) {
  const one = !isNew && !doc.instances.length && doc.predictions.length === 1;
  const reach = ({ draft }) => {
    const [, , width, height] = extentOf(doc.predictions[draft].points);
    return one ? Infinity : NEAR * Math.max(width, height);
  };
  const near = freeDrafts(doc, drafts, k)
    .map((point) => ({ ...point, distance: Math.hypot(point.x - x, point.y - y) }))
    .filter((point) => point.distance <= reach(point))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.draft ?? null;
}
