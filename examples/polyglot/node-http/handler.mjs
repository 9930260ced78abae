// Upper case over HTTP, with node:http alone.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";

/** The function itself. */
function handle(request) {
  const input = request?.input;
  if (typeof input !== "string") {
    throw new TypeError("input must be a string");
  }
  console.error(`node-http: upper-casing a string of length ${input.length}`);
  return { result: input.toUpperCase(), language: "node" };
}

async function invoke(request, response) {
  let output;
  try {
    output = handle(await json(request));
  } catch (error) {
    answer(response, 400, { error: error.message, code: "INVALID_INPUT" });
    return;
  }
  answer(response, 200, output);
}

function answer(response, status, body) {
  const content = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": content.length,
  });
  response.end(content);
}

const server = createServer((request, response) => {
  switch (`${request.method} ${request.url}`) {
    case "POST /invoke":
      return invoke(request, response);
    case "GET /health":
      return answer(response, 200, { status: "ok" });
    default:
      return answer(response, 404, { error: `no such path: ${request.url}`, code: "NOT_FOUND" });
  }
});

// The watchdog decides how long its connections live. With Node's default of five seconds, a call
// could meet a connection that is just being closed.
server.keepAliveTimeout = 0;

// On the loopback interface: only the watchdog beside it is meant to reach it.
server.listen(process.env.PORT ?? 8080, "127.0.0.1");

// The watchdog lets running calls end before it says SIGTERM, so nothing is left to wait for.
process.on("SIGTERM", () => process.exit(0));
