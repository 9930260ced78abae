"""What the tests of module flowfile share: fresh modules of the kernel, from their folder."""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import types
import unittest

KERNEL = os.path.abspath(
    os.path.join(os.path.dirname(__file__), "../../nanofaas-sdk/src/watchdog/kernel/python")
)
PACKAGE = "nanofaas_kernel"

try:
    import polars
except ImportError:
    polars = None

needs_polars = unittest.skipUnless(polars, f"polars is not importable by {sys.executable}")

# For the processes that tests start: what `load` does in this one.
LOADER = f"""
import sys, types
sys.modules["{PACKAGE}"] = package = types.ModuleType("{PACKAGE}")
package.__path__ = [{KERNEL!r}]
from {PACKAGE} import flowfile as core
namespace = {{"__name__": "__main__"}}
core.install(namespace)
flowfile = namespace["flowfile"]
"""


def load(name="flowfile"):
    """Imports a module of the kernel, of the package that is made of its folder."""
    if PACKAGE not in sys.modules:
        package = types.ModuleType(PACKAGE)
        package.__path__ = [KERNEL]
        sys.modules[PACKAGE] = package
    return importlib.import_module(f"{PACKAGE}.{name}")


def unload():
    for name in list(sys.modules):
        if name == "flowfile" or name.partition(".")[0] == PACKAGE:
            del sys.modules[name]


def run_process(code, **keywords):
    """Runs `code` in an interpreter of its own, where `core` and `flowfile` exist; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", LOADER + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        **keywords,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return done.stdout.decode()


class FlowCase(unittest.TestCase):
    """`self.core` is the kernel's side, `self.flowfile` the user's, `self.folder` is private."""

    def setUp(self):
        unload()
        self.addCleanup(unload)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.core = load()
        self.namespace = {}
        self.core.install(self.namespace)
        self.flowfile = self.namespace["flowfile"]

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def begin(self, node_id=1, **flow):
        flow = {"node_id": node_id, "flow_id": 7, **flow}
        self.core.begin(flow)

    def run_node(self, node_id, code=lambda: None, success=True, **flow):
        """One execution: begin, `code`, end; the finished frame's part."""
        self.begin(node_id, **flow)
        code()
        return self.core.end(success)

    def parquet(self, name, columns):
        path = self.path(name)
        polars.DataFrame(columns).write_parquet(path)
        return path

    def assertRaisesText(self, kind, text, call, *arguments):
        with self.assertRaises(kind) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.args[0], text)
        self.assertIs(type(caught.exception), kind)
