"""Upper case as a function alone: the watchdog brings the rest."""


def handle(request: object) -> dict[str, str]:
    match request:
        case {"input": str(text)}:
            print(f"python-worker: upper-casing a string of length {len(text)}")
            return {"result": text.upper(), "language": "python"}
    raise ValueError("input must be a string")
