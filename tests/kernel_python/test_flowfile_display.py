"""display: one representation of each object, the best a client of a flow can show."""

import base64
import sys
import unittest

from flowfile_case import FlowCase, load, needs_polars, polars

PNG = b"\x89PNG\r\n\x1a\n"


class Display(FlowCase):
    def setUp(self):
        super().setUp()
        self.shown = []
        load("rich").show_bundle = lambda *shown: self.shown.append(shown)
        self.begin()

    def display(self, obj, *title):
        """The one mime and its data."""
        self.flowfile.display(obj, *title)
        ((data, _),) = self.shown
        self.shown.clear()
        ((mime, data),) = data.items()
        return mime, data

    def test_a_title_is_empty_unless_given(self):
        self.flowfile.display("x")
        self.flowfile.display("x", "T")
        self.flowfile.display("x", title=5)
        self.assertEqual(
            self.shown,
            [({"text/plain": "x"}, title) for title in ("", "T", "5")],
        )

    def test_a_str_is_shown_as_it_is(self):
        for text in (
            "it's\n  text",
            "",
            "a < b > c",
            "List<int>",
            "usage: get <file>",
            "1 <a",
            "<",
        ):
            self.assertEqual(self.display(text), ("text/plain", text))

    def test_a_str_that_is_html_is_html(self):
        for text in (
            "<b>bold</b>",
            "a line<br/>and one",
            "<DIV class='x'>",
            "<!DOCTYPE html>\nx",
            "text with a <a\nhref='x'>link</a>",
            "<h1>",
        ):
            self.assertEqual(self.display(text), ("text/html", text))

    def test_all_else_is_text(self):
        for obj in (None, 5, [1, "a"], {"a": 1}, b"x", object(), ValueError("x")):
            self.assertEqual(self.display(obj), ("text/plain", str(obj)))

    def test_what_has_html_is_html_only(self):
        class Table:
            def _repr_html_(self):
                return "<table></table>"

        self.assertEqual(self.display(Table()), ("text/html", "<table></table>"))

    def test_a_plotly_like_figure_is_html(self):
        class Figure:
            def to_html(self, **options):
                return f"<div>{sorted(options.items())}</div>"

            def _repr_html_(self):
                return None

        self.assertEqual(self.display(Figure()), ("text/html", "<div>[]</div>"))
        Figure.__module__ = "plotly.graph_objs._figure"
        # As the figures of plotly have it.
        Figure._ipython_display_ = lambda self: self.fail()
        self.assertEqual(
            self.display(Figure()),
            ("text/html", "<div>[('full_html', False), ('include_plotlyjs', 'cdn')]</div>"),
        )

    def test_an_object_that_displays_itself_is_not_shown_again(self):
        class Own:
            def _ipython_display_(self):
                called.append(True)

        called = []
        self.flowfile.display(Own())
        self.assertEqual(called, [True])
        self.assertEqual(self.shown, [({}, "")])

    def test_html_that_fails_or_is_none_is_text(self):
        class Failing:
            def to_html(self):
                raise ZeroDivisionError

            def __str__(self):
                return "failing"

        class Silent:
            def _repr_html_(self):
                return None

            def to_html(self):
                return None

            def __str__(self):
                return "silent"

        self.assertEqual(self.display(Failing()), ("text/plain", "failing"))
        self.assertEqual(self.display(Silent()), ("text/plain", "silent"))

    def test_a_class_with_to_html_is_no_figure(self):
        class Figure:
            def to_html(self):
                return "<div></div>"

        self.assertEqual(self.display(Figure), ("text/plain", str(Figure)))

    def test_an_svg_is_better_than_text(self):
        class Drawing:
            def _repr_svg_(self):
                return "<svg></svg>"

        self.assertEqual(self.display(Drawing()), ("image/svg+xml", "<svg></svg>"))

    def test_a_str_that_fails_is_shown_by_its_repr(self):
        class Odd:
            def __str__(self):
                raise ZeroDivisionError

            def __repr__(self):
                return "odd"

        self.assertEqual(self.display(Odd()), ("text/plain", "odd"))

    def assertPng(self, shown):
        mime, data = shown
        self.assertEqual(mime, "image/png")
        self.assertEqual(base64.b64decode(data, validate=True)[: len(PNG)], PNG)

    def importable(self, name):
        try:
            return __import__(name, fromlist=["x"])
        except ImportError:
            self.skipTest(f"{name} is not importable by {sys.executable}")

    def test_a_matplotlib_figure_is_a_png(self):
        self.importable("matplotlib").use("agg")
        figure = self.importable("matplotlib.pyplot").figure()
        figure.add_subplot().plot([1, 2])
        self.assertPng(self.display(figure))

    def test_a_matplotlib_figure_without_pyplot_is_a_png(self):
        figure = self.importable("matplotlib.figure").Figure()
        figure.add_subplot().plot([1, 2])
        self.assertPng(self.display(figure))

    def test_a_pil_image_is_a_png(self):
        image = self.importable("PIL.Image")
        for mode in ("RGB", "RGBA", "L", "CMYK", "F"):
            with self.subTest(mode=mode):
                self.assertPng(self.display(image.new(mode, (2, 2))))

    def test_a_figure_that_cannot_be_drawn_is_text(self):
        figure = self.importable("matplotlib.figure").Figure()
        figure.savefig = None
        self.shown.clear()
        mime, data = self.display(figure)
        self.assertEqual((mime, data), ("text/plain", str(figure)))

    @needs_polars
    def test_a_data_frame_is_html(self):
        mime, data = self.display(polars.DataFrame({"a": [1]}))
        self.assertEqual(mime, "text/html")
        self.assertIn("<table", data)


if __name__ == "__main__":
    unittest.main()
