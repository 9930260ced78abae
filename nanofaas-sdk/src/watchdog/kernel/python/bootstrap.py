# Started as `python3 -c`: takes the socket from fd 0, one frame with the modules from it, and runs them.
import sys

if sys.version_info < (3, 8):
    sys.exit("kernel mode needs Python 3.8 or newer, this is " + sys.version.split()[0])
import _socket
import builtins
import gc
import os
from _frozen_importlib import ModuleSpec

# Compiling the modules would start it many times, for nothing; main.run() starts it again.
gc.disable()


def take_socket():
    os.dup2(0, 3, inheritable=False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return _socket.socket(fileno=3)


def loads(text):
    # The json package costs 7 ms (it imports re); its scanner in C alone costs nothing.
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    rules = type("Rules", (), dict.fromkeys(["object_hook", "object_pairs_hook"]))
    rules.strict, rules.parse_float, rules.parse_int, rules.parse_constant = True, float, int, float
    return make_scanner(rules)(text, 0)[0]


def read_modules(sock):
    def read(size):
        data = sock.recv(size, _socket.MSG_WAITALL)
        while len(data) < size:
            more = sock.recv(size - len(data), _socket.MSG_WAITALL)
            if not more:
                os._exit(0)
            data += more
        return data

    body = read(int.from_bytes(read(4), "big"))
    return loads(body[9:].decode())


class Modules:
    """Finder and loader of the package: a module is compiled when it is first imported."""

    package = "nanofaas_kernel"

    def __init__(self, sources):
        self.sources = sources
        # Code of cells may empty the real one; ours keeps working.
        self.builtins = dict(vars(builtins))

    def find_spec(self, name, path=None, target=None):
        package, _, module = name.partition(".")
        if package == self.package and (not module or module in self.sources):
            return ModuleSpec(name, self, origin="<" + name + ">", is_package=not module)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        module.__builtins__ = self.builtins
        exec(compile(self.get_source(name), "<" + name + ">", "exec", 0, True), vars(module))

    def get_source(self, name):
        return self.sources.get(name.partition(".")[2], "")


sock = take_socket()
sys.meta_path.insert(0, Modules(read_modules(sock)))
sock.detach()
__import__("nanofaas_kernel.main").main.run()
