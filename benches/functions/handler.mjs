// A function that does next to nothing, so that what surrounds it can be measured.

export function handle(request) {
  return { result: request.input.toUpperCase() };
}
