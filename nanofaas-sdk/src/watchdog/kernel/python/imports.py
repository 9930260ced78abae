"""What must happen when user code imports a certain module, without importing it ourselves."""

import sys

from . import sources

PACKAGE = __name__.partition(".")[0]


def after_linecache(module):
    sources.fill(module)


def after_matplotlib(module):
    import os

    if not os.environ.get("MPLBACKEND"):
        module.rcParams["backend"] = "module://" + PACKAGE + ".figures"


def after_ipython_display(module):
    from . import rich

    rich.take_over(module)


HOOKS = {
    "linecache": after_linecache,
    "matplotlib": after_matplotlib,
    "IPython.core.display": after_ipython_display,
    "IPython.core.display_functions": after_ipython_display,
}


class Finder:
    """Finds nothing by itself: wraps the loader that another finder has found."""

    def find_spec(self, name, path=None, target=None):
        if name not in HOOKS:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = Loader(spec.loader)
                    return spec
        return None


class Loader:
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        # The module shall not see that it was wrapped.
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        HOOKS[module.__name__](module)


def install():
    sys.meta_path.insert(1, Finder())
    if "linecache" in sys.modules:
        after_linecache(sys.modules["linecache"])
