// Drawing skeletons: on the stage and on thumbnails.

// Okabe and Ito's palette: told apart with every kind of colour vision. The side has a shape too.
export const COLOURS = { left: "#56b4e9", right: "#e69f00", middle: "#e8e8e8" };
const HALO = "rgba(0, 0, 0, 0.65)";

/** For each keypoint "left", "right" or "middle". */
export function sidesOf(skeleton) {
  const sides = skeleton.keypoints.map(() => "middle");
  for (const [left, right] of skeleton.flip_pairs) {
    sides[left] = "left";
    sides[right] = "right";
  }
  return sides;
}

const isPlaced = (point) => Array.isArray(point);

function edgeSide(sides, a, b) {
  const [p, q] = [sides[a], sides[b]];
  if (p === q) return p;
  if (p === "middle") return q;
  return q === "middle" ? p : "middle";
}

/** Lines between points; to: (x, y) -> screen. */
export function drawEdges(context, skeleton, sides, points, to, { width = 2, alpha = 1, dash = [] } = {}) {
  context.save();
  context.globalAlpha = alpha;
  context.lineCap = "round";
  for (const [a, b] of skeleton.edges) {
    if (!isPlaced(points[a]) || !isPlaced(points[b])) continue;
    const [x1, y1] = to(points[a][0], points[a][1]);
    const [x2, y2] = to(points[b][0], points[b][1]);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.setLineDash([]);
    context.strokeStyle = HALO;
    context.lineWidth = width + 2;
    if (!dash.length) context.stroke();
    context.setLineDash(dash);
    context.strokeStyle = COLOURS[edgeSide(sides, a, b)];
    context.lineWidth = width;
    context.stroke();
  }
  context.restore();
}

/** Left points are round, right ones are diamonds, the others squares. */
export function outline(context, side, x, y, radius) {
  context.beginPath();
  if (side === "left") {
    context.arc(x, y, radius, 0, 2 * Math.PI);
  } else if (side === "right") {
    const r = radius * 1.3;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
    context.closePath();
  } else {
    const r = radius * 0.9;
    context.rect(x - r, y - r, 2 * r, 2 * r);
  }
}

/** One point. Style: hidden, draft (predicted), selected, ghost (somebody else's). */
export function drawPoint(context, side, x, y, { radius = 5, hidden, draft, selected, ghost, alpha = 1 } = {}) {
  context.save();
  context.globalAlpha = alpha;
  if (selected) {
    context.beginPath();
    context.arc(x, y, radius + 6, 0, 2 * Math.PI);
    context.strokeStyle = HALO;
    context.lineWidth = 4;
    context.stroke();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.5;
    context.stroke();
  }
  outline(context, side, x, y, radius);
  context.lineWidth = draft || hidden || ghost ? 4 : 3;
  context.strokeStyle = HALO;
  context.stroke();
  if (draft || hidden || ghost) {
    context.lineWidth = 2;
    context.setLineDash(hidden ? [] : [3, 2.5]);
    context.strokeStyle = COLOURS[side];
    context.stroke();
    // The exact place of a hollow point.
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, 1.2, 0, 2 * Math.PI);
    context.fillStyle = COLOURS[side];
    context.fill();
  } else {
    context.fillStyle = COLOURS[side];
    context.fill();
    context.beginPath();
    context.arc(x, y, 1, 0, 2 * Math.PI);
    context.fillStyle = "#000";
    context.fill();
  }
  context.restore();
}

/** A text beside a point. */
export function drawText(context, text, x, y, colour = "#fff") {
  context.save();
  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
  context.restore();
}

export function drawBox(context, [x, y, width, height], to, { dash = [], alpha = 1 } = {}) {
  const [x1, y1] = to(x, y);
  const [x2, y2] = to(x + width, y + height);
  context.save();
  context.globalAlpha = alpha;
  context.strokeStyle = HALO;
  context.lineWidth = 3;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.setLineDash(dash);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.25;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.restore();
}

/** Labels (solid) or else predictions (dashed) over a thumbnail of the given size. */
export function drawThumbnail(canvas, overlay, skeleton, sides) {
  const density = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * density;
  canvas.height = height * density;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  if (!overlay.width) return;
  const scale = Math.min(width / overlay.width, height / overlay.height);
  const left = (width - overlay.width * scale) / 2;
  const top = (height - overlay.height * scale) / 2;
  const to = (x, y) => [x * scale + left, y * scale + top];
  // "Absent" is a label too: there is no animal, whatever was predicted.
  const labelled = overlay.labels.some((points) => points.some((point) => point !== null));
  for (const points of labelled ? overlay.labels : overlay.predictions) {
    drawEdges(context, skeleton, sides, points, to, { width: 1.5, dash: labelled ? [] : [4, 3] });
    points.forEach((point, k) => {
      if (!isPlaced(point)) return;
      drawPoint(context, sides[k], ...to(point[0], point[1]), {
        radius: 2.2,
        draft: !labelled,
        hidden: labelled && point[2] === 1,
      });
    });
  }
}
