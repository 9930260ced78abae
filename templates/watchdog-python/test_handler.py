import unittest

from handler import handle


class Handle(unittest.TestCase):
    def test_a_name_is_greeted(self) -> None:
        self.assertEqual(handle({"input": {"name": "Ada"}}), {"message": "Hello, Ada!"})

    def test_nobody_is_not_greeted(self) -> None:
        with self.assertRaisesRegex(ValueError, "name"):
            handle({"input": None})


if __name__ == "__main__":
    unittest.main()
