// {{description}}
//
// Reads a request from stdin and prints one JSON value.

import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { json } from "node:stream/consumers";

/** The function itself: `request` has `input` and `metadata`. */
export function handle(request) {
  const name = request.input?.name;
  if (!name) {
    throw new Error("`name` is missing");
  }
  // stdout is the answer: everything else goes to stderr, which the watchdog logs.
  console.error("greeting");
  return { message: `Hello, ${name}!` };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(JSON.stringify(handle(await json(process.stdin))));
  } catch (error) {
    // The last lines of stderr become the error's message.
    console.error(String(error));
    process.exitCode = 1;
  }
}
