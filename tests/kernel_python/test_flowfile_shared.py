"""get_shared_location: paths in the folder that flows share."""

import os
import pathlib
import unittest
from unittest import mock

from flowfile_case import FlowCase


class SharedLocation(FlowCase):
    def setUp(self):
        super().setUp()
        self.base = self.path("shared")
        patch = mock.patch.dict(os.environ, {"SHARED_LOCATION": self.base})
        patch.start()
        self.addCleanup(patch.stop)

    def test_it_is_below_the_folder_and_the_parents_exist(self):
        path = self.flowfile.get_shared_location("a/b/c.csv")
        self.assertEqual(path, os.path.join(self.base, "a", "b", "c.csv"))
        self.assertEqual(os.listdir(os.path.join(self.base, "a", "b")), [])
        self.assertEqual(
            self.flowfile.get_shared_location(pathlib.Path("x.csv")),
            os.path.join(self.base, "x.csv"),
        )

    def test_the_default_folder_is_shared(self):
        with mock.patch.dict(os.environ), mock.patch("os.makedirs") as makedirs:
            del os.environ["SHARED_LOCATION"]
            self.assertEqual(self.flowfile.get_shared_location("x.csv"), "/shared/x.csv")
        makedirs.assert_called_once_with("/shared", exist_ok=True)

    def test_a_path_that_leaves_the_folder_is_refused(self):
        for name in ("../x", "a/../../x", "/etc/x", "..", "../shared2/x"):
            self.assertRaisesText(
                ValueError,
                f"{name!r} is outside of the shared folder {self.base}",
                self.flowfile.get_shared_location,
                name,
            )
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_path_that_comes_back_stays(self):
        path = self.flowfile.get_shared_location("a/../x.csv")
        self.assertEqual(path, os.path.join(self.base, "x.csv"))

    def test_what_is_no_file_name_is_refused(self):
        for name in ("", "a\0b"):
            with self.assertRaises(ValueError):
                self.flowfile.get_shared_location(name)
        for name in (b"x", None):
            with self.assertRaises(TypeError):
                self.flowfile.get_shared_location(name)


if __name__ == "__main__":
    unittest.main()
