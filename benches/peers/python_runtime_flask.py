"""The specification's runtime for Python functions: Flask, to be served by Gunicorn.

POST /invoke with X-Execution-Id runs `handle(request)` of the module `handler` and answers its JSON.
"""

import importlib
import os

from flask import Flask, jsonify, request

module = importlib.import_module(os.environ.get("HANDLER_MODULE", "handler"))
handle = getattr(module, os.environ.get("HANDLER_FUNCTION", "handle"))

app = Flask(__name__)


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.post("/invoke")
def invoke():
    if "X-Execution-Id" not in request.headers:
        return jsonify(error="X-Execution-Id is missing"), 400
    body = request.get_json(silent=True)
    if body is None:
        return jsonify(error="the body is not JSON"), 400
    try:
        return jsonify(handle(body))
    except Exception as error:
        app.logger.exception("the handler failed")
        return jsonify(error=str(error)), 500
