"""SIGINT is a KeyboardInterrupt of the running cell, and of nothing else."""

import unittest

from host import KernelTest


class Interrupts(KernelTest):
    def interrupted(self, code, **options):
        """Runs code that prints `go` and then does not end by itself."""
        token = self.child.start(code, **options)
        self.child.finish(token, until="go")
        self.child.interrupt()
        answer = self.child.finish(token)
        self.assertEqual(answer.error["name"], "KeyboardInterrupt", answer.error)
        self.assertEqual(answer.error["value"], "")
        return answer

    def test_an_endless_loop_ends_and_its_state_stays(self):
        answer = self.interrupted("x = 0\nprint('go')\nwhile True: x += 1")
        self.assertEqual(answer.error["traceback"][-1], "KeyboardInterrupt: ")
        self.assertTrue(answer.error["traceback"][1].startswith("Cell In[1], line "))
        self.assertEqual(len(answer.error["traceback"]), 3)
        self.assertEqual(self.run_cell("x >= 0").result, "True")

    def test_a_sleep_ends(self):
        self.interrupted("import time\nprint('go')\ntime.sleep(1000)")

    def test_a_lock_ends(self):
        self.interrupted(
            "import threading\nl = threading.Lock()\nl.acquire()\nprint('go')\nl.acquire()"
        )

    def test_reading_a_pipe_ends(self):
        self.interrupted("import os\nr, w = os.pipe()\nprint('go')\nos.read(r, 1)")

    def test_loops_in_repr_and_str_end(self):
        loop = "print('go')\n  while True: pass\n"
        self.interrupted("class R:\n def __repr__(self):\n  %sR()" % loop)
        self.interrupted("class R:\n def _repr_html_(self):\n  %sR()" % loop)
        self.interrupted("class E(Exception):\n def __str__(self):\n  %sraise E()" % loop)
        self.assertEqual(self.run_cell("1").result, "1")

    def test_code_may_catch_it(self):
        token = self.child.start(
            "try:\n    print('go')\n    while True: pass\nexcept KeyboardInterrupt:\n    y = 'caught'\ny"
        )
        self.child.finish(token, until="go")
        self.child.interrupt()
        self.assertEqual(self.child.finish(token).result, "'caught'")

    def test_between_executions_it_is_dropped(self):
        for number in range(200):
            self.child.interrupt()
            self.assertEqual(self.run_cell(str(number)).result, str(number))

    def test_one_sent_as_the_cell_ends_does_not_hit_the_next(self):
        for _ in range(300):
            token = self.child.start("1")
            self.child.interrupt()
            answer = self.child.finish(token)
            self.assertIn(answer.kinds(), ("vf", "xf", "vxf"))
            if answer.error:
                self.assertEqual(answer.error["name"], "KeyboardInterrupt")
            self.assertEqual(self.run_cell("2").result, "2")

    def test_while_we_send_no_frame_breaks_and_the_interrupt_comes(self):
        for _ in range(20):
            token = self.child.start("print('go')\nwhile True: print('x' * 100, flush=True)")
            self.child.finish(token, until="go\n")
            self.child.interrupt()
            answer = self.child.finish(token)
            self.assertEqual(answer.error["name"], "KeyboardInterrupt")
            self.assertLessEqual(set(answer.stdout), set("x\n"))

    def test_one_within_our_own_code_is_delivered_afterwards(self):
        token = self.child.start("print('go')\nprint('x' * 3000000)\nwhile True: pass")
        self.child.finish(token, until="go")
        # It sleeps only where it waits for us to read.
        self.child.wait_until_it_sleeps()
        self.child.interrupt()
        answer = self.child.finish(token)
        self.assertEqual(answer.error["name"], "KeyboardInterrupt")
        self.assertEqual(answer.stdout.count("x"), 3000000)

    def while_we_wait_for_the_host(self, code):
        token = self.child.start("import sys\n" + code + "\nwhile True: pass")
        self.child.finish(token, until="go")
        self.child.wait_until_it_sleeps()
        self.child.interrupt()
        self.assertEqual(self.child.finish(token).error["name"], "KeyboardInterrupt")

    def test_a_print_raises_it_at_its_end(self):
        self.while_we_wait_for_the_host(
            "sys.modules['nanofaas_kernel.interrupts'].start_thread = lambda *_: None\n"
            "print('go')\nprint('x' * 3000000)"
        )

    def test_what_has_no_such_end_gets_it_again(self):
        self.while_we_wait_for_the_host(
            "print('go')\nsys.modules['nanofaas_kernel.streams'].write('o', 'x' * 3000000)"
        )

    def test_ignored_by_user_code_it_works_in_the_next_cell(self):
        self.run_cell("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN);")
        self.interrupted("print('go')\nwhile True: pass")

    def test_blocked_by_user_code_it_works_in_the_next_cell(self):
        self.run_cell("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]);")
        self.interrupted("print('go')\nwhile True: pass")

    def test_another_handler_lasts_for_its_cell_only(self):
        self.run_cell("import signal\nsignal.signal(signal.SIGINT, lambda *_: print('mine'));")
        self.interrupted("print('go')\nwhile True: pass")

    def test_without_builtins_in_the_namespace(self):
        self.run_cell("globals().clear()")
        self.interrupted("print('go')\nwhile True: pass")
        self.run_cell("del __builtins__")
        self.interrupted("print('go')\nwhile True: pass")


class Awaits(KernelTest):
    interrupted = Interrupts.interrupted

    def test_an_await_ends_and_the_loop_lives_on(self):
        self.interrupted("import asyncio\nprint('go')\nawait asyncio.sleep(1000)")
        self.assertEqual(self.run_cell("await asyncio.sleep(0, 'alive')").result, "'alive'")

    def test_it_is_told_at_the_await(self):
        code = "print('go')\nimport asyncio\nawait asyncio.sleep(1000)"
        token = self.child.start(code)
        self.child.finish(token, until="go")
        self.child.wait_until_it_sleeps()
        self.child.interrupt()
        error = self.child.finish(token).error
        self.assertIn("----> 3 await asyncio.sleep(1000)\n", error["traceback"][1])

    def test_a_loop_in_a_coroutine_ends(self):
        self.interrupted("async def f():\n    print('go')\n    while True: pass\nawait f()")
        self.assertEqual(self.run_cell("import asyncio\nawait asyncio.sleep(0, 1)").result, "1")

    def test_a_loop_in_a_task_ends_the_cell_cleanly(self):
        answer = self.interrupted(
            "import asyncio\nasync def f():\n    print('go')\n    while True: pass\n"
            "t = asyncio.ensure_future(f())\n"
            "try: await asyncio.sleep(1000)\n"
            "finally: print('cleaned')"
        )
        self.assertEqual(answer.stdout, "cleaned\n")
        self.assertEqual(self.run_cell("await asyncio.sleep(0, 1)").result, "1")


if __name__ == "__main__":
    unittest.main()
