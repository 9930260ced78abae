//! Code that tampers with what the kernel speaks through.

use harness::{Kernel, stdout};

use crate::{GUARDED, survives};

#[test]
fn descriptors_that_are_closed() {
    survives(&[
        "import os\nos.close(3)",
        "import os\nos.closerange(3, 4096)",
        "import os\nos.closerange(0, 4096)",
        "import os\nfor fd in (0, 1, 2): os.close(fd)\nprint('on')",
        "import socket\nsocket.socket(fileno=3).shutdown(socket.SHUT_RDWR)",
        "import socket\nsocket.socket(fileno=3).shutdown(socket.SHUT_WR)",
    ]);
}

#[test]
fn descriptors_that_are_replaced() {
    survives(&[
        "import os\nr, w = os.pipe()\nos.dup2(w, 3)",
        "import os\nfd = os.open('/dev/null', os.O_RDWR)\nos.dup2(fd, 3)",
        "import os\nfd = os.open('/dev/null', os.O_WRONLY)\nos.dup2(fd, 1)\nos.dup2(fd, 2)\nprint('on')",
        "import os\nr, w = os.pipe()\nos.dup2(w, 1)\nprint('on')",
        "import os\nos.dup2(2, 1)",
    ]);
}

#[test]
fn forged_frames() {
    survives(&[
        "import os\nos.write(3, b'garbage' * 1000)",
        "import os\nos.write(3, b'\\xff' * 64)",
        "import os\nos.write(3, b'\\x7f\\xff\\xff\\xff' + b'o' + bytes(8))",
        "import os\nos.write(3, bytes(4))",
        "import os\nos.write(3, b'\\x00\\x00\\x00\\x01o')",
        "import os\nos.write(3, b'\\x00\\x00')",
        "import os, time\nos.write(3, b'\\x00\\x00\\x10\\x00o')\ntime.sleep(600)",
        "import os\nfor i in range(100): os.write(3, b'\\x00\\x00\\x00\\x09Z' + bytes(8))",
        "import os\nfor i in range(100): os.write(3, b'\\x00\\x00\\x00\\x0bx' + bytes(8) + b'{}')",
        "import os\nfor k in b'hrolevdxfap': os.write(3, b'\\x00\\x00\\x00\\x0d' + bytes([k]) + bytes(8) + b'null')",
    ]);
}

#[test]
fn plausible_frames_of_other_executions_are_not_taken_for_theirs() {
    let Some(kernel) = Kernel::executor(&GUARDED) else { return };
    // A finished frame and output for every token that might come next.
    let code = "import json, os, struct\n\
                def frame(kind, token, payload):\n    \
                    body = kind + struct.pack('>Q', token) + payload\n    \
                    return struct.pack('>I', len(body)) + body\n\
                done = json.dumps({'success': True, 'stdout_truncated': False, 'stderr_truncated': False, \
                'rich_truncated': False, 'flow': None}).encode()\n\
                for token in range(2, 200):\n    \
                    os.write(3, frame(b'o', token, b'FORGED') + frame(b'f', token, done))";
    let _ = kernel.execute(code);
    for number in 0..20 {
        let answer = kernel.execute(&format!("print({number})"));
        assert_eq!(stdout(&answer), format!("{number}\n"), "{answer:#}");
    }
}

#[test]
fn streams_that_are_closed_or_replaced() {
    survives(&[
        "import sys\nsys.stdout.close()",
        "import sys\nsys.stdout.close(); sys.stderr.close()\nprint('on')",
        "import sys\nsys.stdout = None\nsys.stderr = None",
        "import sys\ndel sys.stdout, sys.stderr, sys.stdin",
        "import sys\nsys.stdout = sys.stderr = object()",
        "import sys\nsys.__stdout__ = sys.__stderr__ = None",
        "import sys\nsys.stdout.write = None",
        "import sys\nclass W:\n    def write(self, text): raise RuntimeError('no')\n    flush = write\nsys.stdout = W()\nprint(1)",
        "import sys\nsys.stdout.detach()",
        "import sys\nsys.displayhook = None; sys.excepthook = None\n1 / 0",
    ]);
}

#[test]
fn output_that_is_redirected_goes_where_it_is_sent_and_comes_back() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    let code =
        "import contextlib, io\nb = io.StringIO()\nwith contextlib.redirect_stdout(b): print('in')\nprint('out')";
    assert_eq!(stdout(&kernel.execute(code)), "out\n");
    assert_eq!(kernel.value("b.getvalue()"), r"'in\n'");
}

#[test]
fn print_works_again_in_the_call_after_a_closed_stdout() {
    let Some(kernel) = Kernel::executor(&[]) else { return };
    for code in ["import sys; sys.stdout.close()", "import sys; sys.stdout = None", "import os; os.close(1)"] {
        let _ = kernel.execute(code);
        assert_eq!(stdout(&kernel.execute("print('again')")), "again\n", "{code}");
    }
}
