"""Rich output of a node: its clients take one representation per display, chosen here."""

import sys

# What counts as HTML in a str. Not any "<word>": "List<int>" and "usage: get <file>" are text.
_HTML_ELEMENTS = (
    "a|article|audio|b|blockquote|body|br|button|canvas|center|code|details|div|dl|em|figure|font|"
    "footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|mark|math|nav|ol|"
    "p|picture|pre|script|section|select|small|span|strong|style|sub|summary|sup|svg|table|tbody|"
    "td|textarea|th|thead|tr|u|ul|video"
)
_HTML = rf"<(?:!doctype\s+html|/?(?:{_HTML_ELEMENTS})(?:\s[^<>]*)?/?)>"


def display(obj, title=""):
    """Shows `obj`: matplotlib figures and PIL images as PNG, what has or is HTML so, else text."""
    # Imported here: most nodes display nothing.
    from nanofaas_kernel import rich

    # Nothing is left to show of an object that displays itself.
    rich.show_bundle(_representation(obj, rich.bundle), str(title))


def _representation(obj, bundle_of):
    """{mime: data} with one item, or none if the object has displayed itself."""
    if isinstance(obj, str):
        return {"text/html" if _is_html(obj) else "text/plain": str(obj)}
    png = _png(obj)
    if png:
        return {"image/png": png}
    # Before the bundle is asked for: plotly's figures display themselves then.
    html = _plotly_html(obj)
    if html:
        return {"text/html": html}
    bundle = bundle_of(obj)
    if not bundle:
        return {}
    html = bundle.get("text/html") or _to_html(obj)
    if html:
        return {"text/html": html}
    for mime in ("image/png", "image/svg+xml"):
        if mime in bundle:
            return {mime: bundle[mime]}
    return {"text/plain": _text(obj, bundle)}


def _png(obj):
    """A matplotlib figure or PIL image as base64 of a PNG; None for all else and where it fails."""
    for module, name, save in (
        ("matplotlib.figure", "Figure", _save_figure),
        ("PIL.Image", "Image", _save_image),
    ):
        # Not imported here: an object of a library has its library loaded.
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and issubclass(type(obj), known):
            from binascii import b2a_base64
            from io import BytesIO

            file = BytesIO()
            try:
                save(obj, file)
            except Exception:
                return None
            return b2a_base64(file.getvalue(), newline=False).decode("ascii")
    return None


def _save_figure(figure, file):
    figure.savefig(file, format="png", bbox_inches="tight")
    # Figures that are still open at the end of the cell are shown then, this one a second time.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def _save_image(image, file):
    try:
        image.save(file, format="PNG")
    except OSError:
        # PNG has not all modes of PIL: CMYK and floats are none of it.
        file.seek(0)
        file.truncate()
        image.convert("RGB").save(file, format="PNG")


def _is_html(text):
    import re

    return re.search(_HTML, text, re.IGNORECASE) is not None


def _plotly_html(obj):
    if str(getattr(type(obj), "__module__", "")).partition(".")[0] != "plotly":
        return None
    # A fragment that loads the library from its CDN: 3 MB less for each figure.
    return _to_html(obj, full_html=False, include_plotlyjs="cdn")


def _to_html(obj, **options):
    """What figures and charts that have no _repr_html_ offer; None of all else."""
    try:
        html = type(obj).to_html(obj, **options)
    except Exception:
        return None
    return html if isinstance(html, str) else None


def _text(obj, bundle):
    try:
        return str(obj)
    except Exception:
        # Its repr, which did not fail.
        return bundle["text/plain"]
