// Runs a JavaScript handler for the watchdog: a line of JSON on stdin per call, one on fd 3 per
// answer. Started as `node --input-type=module -e`, with HANDLER_FILE and HANDLER_FUNCTION in the
// environment.

import { closeSync, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

const ANSWERS = 3;
const NEWLINE = 10;

/** Moves the requests to a descriptor of our own, and leaves an empty stdin to the handler. */
function takeRequests() {
  // Node has no dup(); to open the pipe once more does the same.
  const fd = openSync("/proc/self/fd/0", "r");
  closeSync(0);
  // The lowest free number, so 0.
  openSync("/dev/null", "r+");
  return new Socket({ fd, readable: true, writable: false });
}

async function load() {
  const file = process.env.HANDLER_FILE;
  const name = process.env.HANDLER_FUNCTION || "handle";
  process.argv.splice(1, 0, file);
  const module = await import(pathToFileURL(file).href);
  // What a CommonJS module exports in ways that Node cannot foresee is in `default` alone.
  const handle = module[name] ?? module.default?.[name];
  if (typeof handle !== "function") {
    console.error(`${file} has no function '${name}'; HANDLER_FUNCTION names another`);
    // The module may have opened what would keep the process.
    process.exit(1);
  }
  return handle;
}

/** Strict JSON: a NaN, which JSON.stringify takes for null without a word, is an error. */
function toJson(result) {
  let text, misfit;
  try {
    text = JSON.stringify(result === undefined ? null : result);
    if (text === undefined) misfit = `result is a ${typeof result}`;
    else if (text.includes("null") && hasMisfit(result)) misfit = findMisfit(result);
  } catch (error) {
    misfit = findMisfit(result) ?? error.message;
  }
  if (misfit !== undefined) throw new TypeError(`the result is not JSON: ${misfit}`);
  // Half a surrogate pair, which JavaScript can hold and UTF-8 cannot, becomes a `?`.
  if (text.includes("\\ud")) {
    text = text.replace(/\\(ud...|.)/g, (escape) => (escape.length > 2 ? "?" : escape));
  }
  return text;
}

const isMisfit = (value) =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value));

/** Whether there is a number that JSON has not; much faster than to say where. */
function hasMisfit(result) {
  let found = false;
  JSON.stringify(result, (_, value) => ((found ||= isMisfit(value)), value));
  return found;
}

/** The first number that JSON has not, and where it is. */
function findMisfit(result) {
  const paths = new Map();
  let misfit;
  const look = function (key, value) {
    const index = Array.isArray(this) ? key : JSON.stringify(key);
    const path = paths.has(this) ? `${paths.get(this)}[${index}]` : "result";
    if (isMisfit(value)) {
      misfit ??= `${path} is ${inspect(value)}`;
      return null;
    }
    if (typeof value === "object") paths.set(value, path);
    return value;
  };
  try {
    JSON.stringify(result, look);
  } catch {
    // A circle, or a toJSON() that throws: the caller knows.
  }
  return misfit;
}

function encode(result) {
  const text = toJson(result);
  if (text.startsWith('{"error":') && Object.keys(JSON.parse(text)).length === 1) {
    // As it is, it would mean that the call failed.
    return `{"__nanofaas_envelope__":true,"output":${text}}`;
  }
  return text;
}

function messageOf(error) {
  if (typeof error?.message === "string") return error.message || error.constructor.name;
  return (typeof error === "string" && error) || inspect(error);
}

/** The answer to a request line; never fails. */
async function invoke(handle, line) {
  try {
    const call = JSON.parse(line);
    if (call.execution_id !== undefined) process.env.EXECUTION_ID = call.execution_id;
    if (call.trace_id !== undefined) process.env.TRACE_ID = call.trace_id;
    return encode(await handle(call.value));
  } catch (error) {
    console.error(error);
    return toJson({ error: messageOf(error) });
  }
}

function send(text) {
  let line = Buffer.from(`${text}\n`);
  // Blocks while the pipe is full, and may write a part.
  while (line.length > 0) line = line.subarray(writeSync(ANSWERS, line));
}

const requests = takeRequests();
for (const stream of [process.stdout, process.stderr]) {
  // Else what a full pipe does not take leaves behind the answer, or is lost by process.exit().
  stream._handle?.setBlocking?.(true);
}
const handle = await load();
// One that a call left behind must not end the worker under the next call.
process.on("unhandledRejection", (reason) => console.error("unhandled rejection:", reason));
send('{"ok":true}');

let parts = [];
for await (let chunk of requests) {
  for (let end; (end = chunk.indexOf(NEWLINE)) >= 0; chunk = chunk.subarray(end + 1)) {
    parts.push(chunk.subarray(0, end));
    const line = Buffer.concat(parts);
    parts = [];
    send(await invoke(handle, line.toString()));
    delete process.env.EXECUTION_ID;
    delete process.env.TRACE_ID;
  }
  if (chunk.length > 0) parts.push(chunk);
}
// Also with timers and connections of the handler open.
process.exit(0);
