"""JSON without the json package, whose import would be a third of the start-up time."""

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    import json

    def loads(text):
        return json.loads(text)

    def encode(value):
        return json.dumps(value, separators=(",", ":"), allow_nan=False)

else:

    class Rules:
        strict = False
        object_hook = object_pairs_hook = None
        parse_float, parse_int, parse_constant = float, int, float

    def refuse(value):
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)

    scan = make_scanner(Rules)
    chunks = make_encoder(
        None, refuse, encode_basestring_ascii, None, ":", ",", False, False, False
    )

    def loads(text):
        return scan(text, 0)[0]

    def encode(value):
        return "".join(chunks(value, 0))


def dumps(value):
    """ASCII bytes. Lone surrogates become U+FFFD: strict JSON readers refuse them."""
    text = encode(value)
    if "\\ud" in text:
        text = encode(whole(value))
    return text.encode("ascii")


def whole(value):
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(item) for item in value]
    return value
