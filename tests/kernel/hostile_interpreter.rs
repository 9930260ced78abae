//! Code that damages its interpreter: whatever is answered, the next call works.

use harness::{Kernel, error};
use serde_json::json;

use crate::survives;

#[test]
fn builtins_and_modules_that_are_gone() {
    survives(&[
        "import builtins\nfor name in ('print', 'repr', 'len', 'isinstance', 'str', 'open'): delattr(builtins, name)",
        "import builtins\nbuiltins.__dict__.clear()",
        "import builtins\nbuiltins.compile = builtins.exec = builtins.eval = None",
        "__builtins__ = None",
        "import sys\nsys.modules.clear()",
        "import sys\nfor name in list(sys.modules):\n    if 'kernel' in name: del sys.modules[name]",
        "import sys\nsys.path.clear(); sys.meta_path.clear()",
        "globals().clear()",
        "import json, struct, os\njson.dumps = struct.pack = os.write = os.read = None",
        "import traceback, linecache\ntraceback.__dict__.clear(); linecache.__dict__.clear()\n1 / 0",
        "import io, ast\nast.parse = None\nio.StringIO = None",
    ]);
}

#[test]
fn the_kernels_own_objects_that_are_found_by_the_collector() {
    survives(&[
        "import gc\nfor x in gc.get_objects():\n    if type(x).__module__.startswith('nanofaas'):\n        \
         try: vars(x).clear()\n        except TypeError: pass",
        "import gc, socket\nfor x in gc.get_objects():\n    if isinstance(x, socket.socket): x.close()",
        "import gc, io\nfor x in gc.get_objects():\n    if isinstance(x, io.IOBase):\n        \
         try: x.close()\n        except Exception: pass",
        "import gc\ngc.disable(); gc.set_threshold(0)",
        "import sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.clear() if frame.f_back is None else None\n    \
         frame = frame.f_back",
    ]);
}

#[test]
fn hooks_that_never_let_go() {
    survives(&[
        "import sys\ndef t(*a):\n    raise RuntimeError('traced')\nsys.settrace(t)\nsys.setprofile(t)",
        "import sys\nsys.addaudithook(lambda *a: None)",
        "import signal\nfor s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
        "import atexit, time\natexit.register(lambda: time.sleep(600))",
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(600)).start()",
        "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()",
        "import sys\nsys.setswitchinterval(1000)",
    ]);
}

#[test]
fn recursion_without_an_end_is_an_error() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    kernel.run("x = 1");
    assert_eq!(error(&kernel.execute("def f(): return f()\nf()")).0, "RecursionError");
    assert_eq!(kernel.value("x"), "1");
}

#[test]
fn recursion_below_the_interpreter_is_survived() {
    survives(&[
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nA()",
        "x = []\nfor i in range(100_000): x = [x]\nx",
        "'(' * 100_000",
        "eval('(' * 1000 + ')' * 1000)",
        "import sys\nsys.setrecursionlimit(5)",
    ]);
}

#[test]
fn interrupts_that_are_never_obeyed() {
    survives(&[
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "def f():\n    try:\n        while True: pass\n    finally: f()\nf()",
        "import signal\nsignal.signal(signal.SIGINT, lambda *a: None)\nwhile True: pass",
        "x = 10 ** 10 ** 9",
        "import re\nre.match('(a+)+b', 'a' * 60)",
    ]);
}

#[test]
fn memory_above_the_limit_is_an_error_and_the_session_lives() {
    let limit = ("KERNEL_MEMORY_LIMIT_BYTES", "1073741824");
    let Some(kernel) = Kernel::executor(&[limit]) else { return };
    kernel.run("x = 1");
    assert_eq!(error(&kernel.execute("y = bytearray(4 * 1024 ** 3)")).0, "MemoryError");
    assert_eq!(kernel.value("x"), "1");
    // All there is, in small pieces: an error or a death, and the next call works.
    let (name, _) = error(&kernel.execute("z = []\nwhile True: z.append(bytearray(1 << 20))"));
    assert!(["MemoryError", "KernelError"].contains(&name.as_str()), "{name}");
    kernel.run("z = None");
    kernel.serves();
}

#[test]
fn a_limit_of_memory_holds_in_every_session() {
    let limit = ("KERNEL_MEMORY_LIMIT_BYTES", "1073741824");
    let Some(kernel) = Kernel::flowfile(&[limit]) else { return };
    for flow in 0..2 {
        let answer = kernel.node_with(1, "y = bytearray(4 * 1024 ** 3)", &json!({ "flow_id": flow }));
        assert!(answer["error"].as_str().is_some_and(|error| error.starts_with("MemoryError")), "{answer:#}");
    }
}
