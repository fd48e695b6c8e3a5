// Talking to the server.

export class ApiError extends Error {
  constructor(status, detail, body) {
    super(detail);
    this.status = status;
    this.body = body;
  }
}

async function call(method, path, body, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      ...options,
    });
  } catch {
    throw new ApiError(0, "The server does not answer. Is pointillist label still running?");
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, explain(content, response), content);
  return content;
}

function explain(content, response) {
  const detail = content.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((d) => `${d.loc?.slice(1).join(".")}: ${d.msg}`).join("; ");
  return `The server answers with ${response.status} ${response.statusText}.`;
}

export const api = {
  project: () => call("GET", "/api/project"),
  create: (project) => call("POST", "/api/project", project),
  pairs: (keypoints) => call("POST", "/api/pairs", { keypoints }),
  images: () => call("GET", "/api/images"),
  changes: (since) => call("GET", `/api/changes?since=${since}`),
  image: (id) => call("GET", `/api/images/${id}`),
  save: (id, body, options) => call("PUT", `/api/images/${id}`, body, options),
  overlays: (ids) => call("GET", `/api/overlays?ids=${ids.join(",")}`),
  start: (minutes) => call("POST", "/api/training/start", { minutes }),
  stop: () => call("POST", "/api/training/stop", {}),
  resume: () => call("POST", "/api/training/resume", {}),
  curves: (name) => call("GET", `/api/training/${encodeURIComponent(name)}/curves`),
  results: () => call("GET", "/api/results"),
};

export const pictureUrl = (id, decoded) => `/api/images/${id}/picture${decoded ? "?decoded=1" : ""}`;
export const thumbnailUrl = (id) => `/api/images/${id}/thumbnail`;

/** Names this tab in the journal. */
export const author = Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) =>
  b.toString(16).padStart(2, "0"),
).join("");
