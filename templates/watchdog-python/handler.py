"""{{description}}

Reads a request from stdin and prints one JSON value.
"""

import json
import sys


def handle(request: dict) -> object:
    """The function itself: `request` has `input` and `metadata`."""
    name = (request.get("input") or {}).get("name")
    if not name:
        raise ValueError("`name` is missing")
    # stdout is the answer: everything else goes to stderr, which the watchdog logs.
    print("greeting", file=sys.stderr)
    return {"message": f"Hello, {name}!"}


def main() -> None:
    try:
        answer = handle(json.load(sys.stdin.buffer))
    except Exception as error:
        # The last lines of stderr become the error's message.
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(answer, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
