// Upper case as a function alone: the watchdog brings the rest.

export function handle(request) {
  const input = request?.input;
  if (typeof input !== "string") {
    throw new TypeError("input must be a string");
  }
  console.log(`node-worker: upper-casing a string of length ${input.length}`);
  return { result: input.toUpperCase(), language: "node" };
}
