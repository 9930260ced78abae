"""A matplotlib backend: plt.show() displays, and so does the end of a cell."""

import io
import sys

from matplotlib._pylab_helpers import Gcf
from matplotlib.backends import backend_agg
from matplotlib.backends.backend_agg import FigureCanvasAgg

FigureCanvas = FigureCanvasAgg
FigureManager = backend_agg.FigureManager
new_figure_manager = backend_agg.new_figure_manager
new_figure_manager_given_figure = backend_agg.new_figure_manager_given_figure
draw_if_interactive = backend_agg.draw_if_interactive


def show(*args, **options):
    from . import rich

    for manager in Gcf.get_all_fig_managers():
        figure = manager.canvas.figure
        try:
            if not is_empty(figure):
                rich.show(figure)
        finally:
            close(figure)


def is_empty(figure):
    return not (figure.axes or figure.lines or figure.texts or figure.images)


def png(figure):
    if is_empty(figure):
        return None
    data = io.BytesIO()
    canvas = figure.canvas
    if not hasattr(canvas, "print_png"):
        canvas = FigureCanvasAgg(figure)
    canvas.print_figure(data, format="png", dpi=figure.dpi, bbox_inches="tight")
    return data.getvalue()


def close(figure):
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
