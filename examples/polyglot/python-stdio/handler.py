"""Upper case from stdin to stdout: one process, one call."""

import json
import os
import sys
from urllib.parse import quote


def handle(request: object) -> dict[str, str]:
    """The function itself."""
    match request:
        case {"input": str(text)}:
            # stdout is the answer, so everything else goes to stderr, which the watchdog logs.
            print(f"python-stdio: upper-casing a string of length {len(text)}", file=sys.stderr)
            return {"result": text.upper(), "language": "python"}
    raise ValueError("input must be a string")


def with_status(request: object, output: dict[str, str]) -> dict[str, object]:
    """The output as it is, or in an envelope with a status and headers of the function's own."""
    match request:
        case {"metadata": {"store": True}}:
            execution_id = os.environ.get("EXECUTION_ID", "local")
            return {
                "__nanofaas_envelope__": True,
                "output": output,
                "statusCode": 201,
                "headers": {"Location": f"/results/{quote(execution_id, safe='')}"},
            }
    return output


def main() -> None:
    try:
        # Bytes in and bytes out: JSON is UTF-8 whatever the locale says.
        request = json.load(sys.stdin.buffer)
        answer = with_status(request, handle(request))
    except (ValueError, RecursionError) as error:
        sys.exit(f"python-stdio: {error}")
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a `?`.
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.buffer.write(text.encode(errors="replace") + b"\n")


if __name__ == "__main__":
    main()
