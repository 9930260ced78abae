"""Upper case over HTTP, with Python's standard library alone."""

import json
import os
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote


def handle(request: object) -> dict[str, str]:
    """The function itself."""
    match request:
        case {"input": str(text)}:
            print(f"python-http: upper-casing a string of length {len(text)}", file=sys.stderr)
            return {"result": text.upper(), "language": "python"}
    raise ValueError("input must be a string")


def wants_storing(request: object) -> bool:
    match request:
        case {"metadata": {"store": True}}:
            return True
    return False


class Handler(BaseHTTPRequestHandler):
    # Keeps connections open, which is what the watchdog's pool is for.
    protocol_version = "HTTP/1.1"
    # Head and body leave in two writes; the second must not wait for the first one's ACK.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(HTTPStatus.OK, {"status": "ok"})
        else:
            self.fail(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"no such path: {self.path}")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            # Where the body ends is unknown, and so is where the next request starts.
            self.close_connection = True
            self.fail(HTTPStatus.LENGTH_REQUIRED, "LENGTH_REQUIRED", "Content-Length is required")
            return

        # Read in every case: the next request on this connection starts behind the body.
        body = self.rfile.read(int(length))
        if self.path == "/invoke":
            self.invoke(body)
        else:
            self.fail(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"no such path: {self.path}")

    def invoke(self, body: bytes) -> None:
        try:
            request = json.loads(body)
            output = handle(request)
        except (ValueError, RecursionError) as error:
            self.fail(HTTPStatus.BAD_REQUEST, "INVALID_INPUT", str(error))
            return

        if wants_storing(request):
            # The marker makes status and headers the function's own answer. Without it the watchdog
            # takes any 2xx for a plain output, and everything else for a failure.
            execution_id = self.headers.get("X-Execution-Id", "local")
            self.answer(
                HTTPStatus.CREATED,
                output,
                {
                    "X-NanoFaaS-Function-Status": "true",
                    "Location": f"/results/{quote(execution_id, safe='')}",
                },
            )
        else:
            self.answer(HTTPStatus.OK, output)

    def fail(self, status: HTTPStatus, code: str, message: str) -> None:
        self.answer(status, {"error": message, "code": code})

    def answer(
        self, status: HTTPStatus, body: dict[str, str], headers: dict[str, str] | None = None
    ) -> None:
        # As UTF-8; half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a `?`.
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        content = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No access log: the watchdog writes one."""


def main() -> None:
    # On the loopback interface: only the watchdog beside it is meant to reach it.
    address = ("127.0.0.1", int(os.environ.get("PORT", "8080")))
    # The watchdog lets running calls end before it says SIGTERM, so nothing is left to wait for.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    with ThreadingHTTPServer(address, Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
