"""A worker as OpenWhisk's own launchers for Python are written, with an action that shows its call.

It puts all that comes beside `value` into the environment, as __OW_ and the name in upper case.
"""

import json
import os
import sys
import traceback


def main(value):
    print("an action, called with", value.get("input"))
    if value.get("input") == "fail":
        raise ValueError("the action failed")
    names = sorted(name for name in os.environ if name.startswith("__OW_"))
    return {"value": value, "env": {name: os.environ[name] for name in names}}


answers = os.fdopen(3, "wb")
if os.getenv("__OW_WAIT_FOR_ACK", "") != "":
    answers.write(b'{"ok": true}\n')
    answers.flush()
while True:
    line = sys.stdin.readline()
    if not line:
        break
    request = json.loads(line)
    value = {}
    for key in request:
        if key == "value":
            value = request["value"]
        else:
            os.environ["__OW_%s" % key.upper()] = request[key]
    try:
        result = main(value)
    except Exception as error:
        print(traceback.format_exc(), file=sys.stderr)
        result = {"error": str(error)}
    answers.write(json.dumps(result, ensure_ascii=False).encode("utf-8"))
    answers.write(b"\n")
    sys.stdout.flush()
    sys.stderr.flush()
    answers.flush()
