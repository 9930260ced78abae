"""The same function as a script: one process, one call."""

import json
import sys

request = json.load(sys.stdin)
print(json.dumps({"result": request["input"].upper()}))
