// The same function as a script: one process, one call.

import { readFileSync } from "node:fs";

const request = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({ result: request.input.toUpperCase() }));
