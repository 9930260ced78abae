"""Messages of a node to the log of its flow."""

from nanofaas_kernel.flow_context import current

# Seconds; a log call must not hold up the user's code for long.
CALLBACK_TIMEOUT = 3.0


def log(msg, level="INFO"):
    """Sends `msg` to the log of the flow; prints `[LEVEL] msg` where that has none or fails."""
    message = str(msg)
    level = str(level).upper()
    context = current()
    if not context.log_callback_url or not _post(context, message, level):
        # In one piece, or the lines of two threads would mix.
        print(f"[{level}] {message}\n", end="")


def log_info(msg):
    """`log(msg, "INFO")`."""
    log(msg, "INFO")


def log_warning(msg):
    """`log(msg, "WARNING")`."""
    log(msg, "WARNING")


def log_error(msg):
    """`log(msg, "ERROR")`."""
    log(msg, "ERROR")


def _post(context, message, level):
    """Whether the callback took the message."""
    url = context.log_callback_url
    # Only HTTP: urllib would open a file: or data: address, too.
    if context.log_callback_timed_out or not url.lower().startswith(("http://", "https://")):
        return False
    # Imported here: it takes longer than all of the kernel, and most nodes do not log.
    import json
    import urllib.request

    body = {
        "flowfile_flow_id": context.flow_id,
        "node_id": context.node_id,
        "log_message": message,
        "log_type": level,
    }
    try:
        request = urllib.request.Request(
            url,
            data=json.dumps(body).encode("ascii"),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=CALLBACK_TIMEOUT):
            return True
    except Exception as error:
        context.log_callback_timed_out = _is_timeout(error)
        return False


def _is_timeout(error):
    import socket

    # A time-out while connecting comes wrapped in a URLError; before Python 3.10 socket.timeout is
    # no TimeoutError.
    reason = getattr(error, "reason", error)
    return isinstance(reason, (TimeoutError, socket.timeout))
