// Requests to the server.

const ROOT = "/api/1/";
/** The status of an error that no server sent: it could not be reached. */
const UNREACHABLE = 0;
/** The status of bad input. */
const REFUSED = 400;

/** A message of the server as a sentence. */
export const sentence = (text) => (text.charAt(0).toUpperCase() + text.slice(1)).replace(/[^.!?…]$/, "$&.");

/** What went wrong, in a sentence for people. */
class ApiError extends Error {
  /** @param {string} message @param {number} status of HTTP, or UNREACHABLE. */
  constructor(message, status) {
    super(sentence(message));
    this.status = status;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === UNREACHABLE || this.status === 503;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(ROOT + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached. Is “pylos play” still running?", UNREACHABLE);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(body.error ?? `The server answered with status ${response.status}.`, response.status);
}

const posting = (body, signal, headers = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
  signal,
});

/** The JSON at a path such as "info". @param {{signal?: AbortSignal}} [options] */
export async function get(path, { signal } = {}) {
  return (await request(path, { signal })).json();
}

/**
 * The JSON that answers a body. What a person typed may well be refused: that is asked for as an ordinary answer, about which
 * browsers do not complain in their console.
 * @param {{signal?: AbortSignal}} [options]
 */
export async function post(path, body, { signal } = {}) {
  const answer = await (await request(path, posting(body, signal, { prefer: "explained" }))).json();
  if (typeof answer.error === "string") throw new ApiError(answer.error, REFUSED);
  return answer;
}

/**
 * Reads an event stream to its end.
 * @param {string} path
 * @param {object} body
 * @param {(event: any) => void} onEvent gets the JSON of every event.
 * @param {{signal?: AbortSignal}} [options] aborting closes the connection, which ends the work on the server.
 */
export async function stream(path, body, onEvent, { signal } = {}) {
  const response = await request(path, posting(body, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let chunk;
    try {
      chunk = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The connection to the server broke.", UNREACHABLE);
    }
    if (chunk.done) return;
    const events = (rest + chunk.value).split(/\r?\n\r?\n/);
    rest = events.pop();
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length && !signal?.aborted) onEvent(JSON.parse(lines.map((line) => line.slice(5)).join("\n")));
    }
  }
}
