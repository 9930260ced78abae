"""Upper case as a function alone: the watchdog brings the rest."""


def handle(request: dict) -> dict:
    text = request.get("input")
    if not isinstance(text, str):
        raise ValueError("input must be a string")
    print(f"python-worker: upper-casing a string of length {len(text)}")
    return {"result": text.upper(), "language": "python"}
