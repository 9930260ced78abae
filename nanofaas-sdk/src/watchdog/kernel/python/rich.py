"""Values as mime bundles, display(), and the note in place of what is too large."""

import sys

from . import payload, streams

METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("application/pdf", "_repr_pdf_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
)


def bundle(value):
    """{mime type: data}. Raises what repr() raises; other representations that fail are left out.
    Empty when the value has displayed itself."""
    if method(value, "_ipython_display_"):
        value._ipython_display_()
        return {}
    data = {}
    offered = represent(value, "_repr_mimebundle_", include=None, exclude=None)
    if isinstance(offered, dict):
        for mime, item in offered.items():
            add(data, mime, item)
    for mime, name in METHODS:
        if mime not in data:
            add(data, mime, represent(value, name))
    if is_figure(value):
        from . import figures

        add(data, "image/png", figures.png(value))
    if "text/plain" not in data:
        data["text/plain"] = str.__str__(repr(value))
    return data


def method(value, name):
    """The method, unless the value is a class or claims to have any attribute at all."""
    if isinstance(value, type):
        return None
    try:
        if hasattr(value, "_ipython_canary_method_should_not_exist_"):
            return None
        found = getattr(value, name, None)
    except Exception:
        return None
    return found if callable(found) else None


def represent(value, name, **options):
    found = method(value, name)
    if found is None:
        return None
    try:
        data = found(**options)
    except Exception:
        return None
    # (data, metadata)
    return data[0] if isinstance(data, tuple) and len(data) == 2 else data


def add(data, mime, item):
    if item is None or not isinstance(mime, str):
        return
    if isinstance(item, (bytes, bytearray, memoryview)):
        from binascii import b2a_base64

        item = b2a_base64(item, newline=False).decode("ascii")
    elif isinstance(item, str):
        item = str.__str__(item)
    else:
        if not mime.endswith("json"):
            item = str(item)
        try:
            payload.encode(item)
        except (TypeError, ValueError, RecursionError):
            return
    data[str.__str__(mime)] = item


def is_figure(value):
    figure = sys.modules.get("matplotlib.figure")
    return figure is not None and isinstance(value, getattr(figure, "Figure", ()))


def result(value):
    data = bundle(value)
    if data:
        streams.rich("v", payload.dumps({"data": data}))
    if is_figure(value):
        from . import figures

        figures.close(value)


def show(value, title=""):
    """One display frame."""
    show_bundle(bundle(value), title)


def show_bundle(data, title=""):
    if data:
        streams.rich("d", payload.dumps({"data": data, "title": str(title)}))


def display(*objects, **options):
    handle = None
    if options.get("display_id"):
        handle = Handle(options["display_id"])
    title = options.get("title", "")
    for value in objects:
        if options.get("raw") and isinstance(value, dict):
            publish_display_data(value)
        else:
            show(value, title)
    return handle


def publish_display_data(data, metadata=None, **options):
    clean = {}
    for mime, item in data.items():
        add(clean, mime, item)
    show_bundle(clean)


class Handle:
    """What IPython's display(display_id=…) returns; an update is one more display."""

    def __init__(self, display_id):
        self.display_id = "1" if display_id is True else str(display_id)

    def display(self, value, **options):
        display(value, **options)

    update = display


def take_over(module):
    """IPython's own would only print: it finds no shell."""
    if hasattr(module, "display"):
        module.display = display
    if hasattr(module, "publish_display_data"):
        module.publish_display_data = publish_display_data
