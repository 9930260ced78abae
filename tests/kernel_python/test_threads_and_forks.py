"""Threads print for their cell; forked children never speak to the host."""

import os
import unittest

from host import KernelTest

THREAD = """
import threading
go, done = threading.Event(), threading.Event()
def work():
    go.wait()
    print('from the thread')
    done.set()
thread = threading.Thread(target=work)
thread.start()
"""


class Threads(KernelTest):
    def test_output_of_a_thread_belongs_to_its_cell(self):
        self.assertEqual(
            self.run_cell(THREAD + "go.set()\nthread.join()").stdout, "from the thread\n"
        )

    def test_after_its_cell_it_is_log(self):
        self.run_cell(THREAD)
        answer = self.run_cell("go.set()\ndone.wait()\nthread.join()\nprint('mine')")
        self.assertEqual(answer.stdout, "mine\n")
        self.assertEqual(self.child.log, b"from the thread\n")

    def test_a_thread_of_a_thread_inherits(self):
        code = (
            THREAD + "def outer():\n    inner = threading.Thread(target=work)\n    inner.start()\n"
        )
        code += "    inner.join()\nsecond = threading.Thread(target=outer)\nsecond.start()\n"
        self.run_cell(code)
        answer = self.run_cell("go.set()\nthread.join()\nsecond.join()")
        self.assertEqual((answer.stdout, self.child.log), ("", b"from the thread\n" * 2))

    def test_bare_threads_and_pools(self):
        answer = self.run_cell(
            "import _thread, concurrent.futures\n"
            "lock = _thread.allocate_lock()\nlock.acquire()\n"
            "_thread.start_new_thread(lambda a, b: (print(a, b), lock.release()), (1,), {'b': 2})\n"
            "lock.acquire()\n"
            "with concurrent.futures.ThreadPoolExecutor() as pool: pool.submit(print, 'pool').result();"
        )
        self.assertEqual(answer.stdout, "1 2\npool\n")
        self.fail_cell("_thread.start_new_thread(1, ())", "TypeError")

    def test_an_error_in_a_thread_is_on_stderr(self):
        answer = self.run_cell(
            "import threading\ndef fail(): raise ValueError('in a thread')\n"
            "t = threading.Thread(target=fail)\nt.start()\nt.join()"
        )
        self.assertIn("ValueError: in a thread", answer.stderr)
        self.assertNotIn("nanofaas", answer.stderr)

    def test_many_threads_print_whole_frames(self):
        answer = self.run_cell(
            "import threading\n"
            "def work(n):\n    for _ in range(200): print(str(n) * 50)\n"
            "ts = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts];"
        )
        self.assertEqual(len(answer.stdout), 8 * 200 * 51)

    def test_a_thread_may_print_while_nothing_runs(self):
        self.run_cell(THREAD.replace("go.wait()", "go.wait(0.05)"))
        kind, token, body, _ = self.child.receive()
        self.assertEqual((kind, token, body), ("l", 0, b"from the thread\n"))


class Forks(KernelTest):
    FORK = "import os\npid = os.fork()\n"
    WAIT = "status = os.waitpid(pid, 0)[1]\nstatus >> 8 if status & 127 == 0 else -status"

    def test_a_child_writes_to_the_pipes_and_not_to_the_host(self):
        answer = self.run_cell(
            "print('before', end='')\n"
            + self.FORK
            + "if not pid:\n    print('child')\n    display(1)\n    os.write(3, b'x')\nelse:\n"
            + "    os.waitpid(pid, 0)\n    print(' parent')"
        )
        self.assertEqual(answer.stdout, "before parent\n")
        self.assertEqual(answer.kinds(), "of")
        self.child.stdout.wait_for(b"child\n")
        self.child.stderr.wait_for(b"Bad file descriptor")
        self.assertNotIn(b"before", self.child.stdout.data)

    def test_a_child_that_leaves_its_cell_exits(self):
        for code, status in (
            ("if not pid: print('x', end='')\nelse:\n ", 0),
            ("if not pid: 1/0\n", 1),
            ("import sys\nif not pid: sys.exit()\n", 0),
            ("if not pid: sys.exit(5)\n", 5),
            ("if not pid: os._exit(6)\n", 6),
        ):
            code = self.FORK + code
            code += "status = os.waitpid(pid, 0)[1]\nprint('parent')"
            self.assertEqual(self.child.run(code).stdout, "parent\n", code)
            self.assertEqual(self.run_cell("status >> 8").result, str(status), code)
        self.child.stderr.wait_for(b"ZeroDivisionError: division by zero")

    def test_a_child_of_a_thread_that_holds_the_lock(self):
        self.run_cell(
            "import os, threading\nstop = False\n"
            "def loud():\n    while not stop: print('x')\n"
            "t = threading.Thread(target=loud)\nt.start()\n"
            "for _ in range(30):\n"
            "    pid = os.fork()\n"
            "    if not pid:\n        print('child')\n        os._exit(0)\n"
            "    os.waitpid(pid, 0)\n"
            "stop = True\nt.join()"
        )
        self.child.stdout.wait_for(b"child\n" * 30)

    def test_multiprocessing(self):
        code = (
            "import multiprocessing\nfork = multiprocessing.get_context('fork')\n"
            "def square(n):\n    print('square', n)\n    return n * n\n"
            "with fork.Pool(2) as pool: result = pool.map(square, [3])\nresult"
        )
        self.assertEqual(self.run_cell(code).result, "[9]")
        self.child.stdout.wait_for(b"square 3\n")
        code = "p = fork.Process(target=square, args=(4,))\np.start()\np.join()\np.exitcode"
        self.assertEqual(self.run_cell(code).result, "0")
        self.child.stdout.wait_for(b"square 4\n")

    def test_a_child_can_be_interrupted(self):
        token = self.child.start(
            "import os\npid = os.fork()\n"
            "if not pid:\n    os.write(1, b'child runs')\n    while True: pass\n"
            "os.waitpid(pid, 0)"
        )
        self.child.stdout.wait_for(b"child runs")
        self.child.interrupt()
        self.assertEqual(self.child.finish(token).error["name"], "KeyboardInterrupt")
        self.child.stderr.wait_for(b"KeyboardInterrupt")

    def test_a_child_that_lives_on_does_not_hold_the_connection(self):
        self.run_cell(
            "import os, time\nif not os.fork():\n    os.write(1, b'child')\n    time.sleep(1000)"
        )
        self.child.stdout.wait_for(b"child")
        pid = self.child.process.pid
        os.kill(pid, 9)
        self.assertEqual(self.child.sock.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
