"""The request line suits launchers that are written for OpenWhisk."""

import pathlib
import unittest

import host

LAUNCHER = pathlib.Path(__file__).with_name("actionloop.py")


class ActionLoop(host.LauncherTest):
    def test_all_beside_the_value_becomes_the_environment(self):
        worker = self.launch([host.PYTHON, str(LAUNCHER)], "none")
        beside = {
            "execution_id": "e-1",
            "activation_id": "e-1",
            "trace_id": "t-1",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "dispatch_attempt": "2",
            "deadline": "1700000000000",
        }
        answer = worker.call({"input": "hello"}, **beside)
        self.assertEqual(answer["value"], {"input": "hello"})
        expected = {"__OW_" + name.upper(): value for name, value in beside.items()}
        self.assertEqual(answer["env"], {"__OW_WAIT_FOR_ACK": "1", **expected})
        self.assertEqual(worker.call({"input": "fail"}, **beside), {"error": "the action failed"})
        self.assertEqual(worker.end(), 0)


if __name__ == "__main__":
    unittest.main()
