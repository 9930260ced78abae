// Upper case from stdin to stdout: one process, one call.

import { json } from "node:stream/consumers";

/** The function itself. */
function handle(request) {
  const input = request?.input;
  if (typeof input !== "string") {
    throw new TypeError("input must be a string");
  }
  // stdout is the answer, so everything else goes to stderr, which the watchdog logs.
  console.error(`node-stdio: upper-casing a string of length ${input.length}`);
  return { result: input.toUpperCase(), language: "node" };
}

try {
  console.log(JSON.stringify(handle(await json(process.stdin))));
} catch (error) {
  console.error(`node-stdio: ${error.message}`);
  process.exitCode = 1;
}
