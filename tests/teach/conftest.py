"""Fixtures of the teaching tests."""

import pytest

from tests.teach.lessons_for_tests import make_small_lessons


@pytest.fixture(scope="session")
def lessons_folder(tmp_path_factory):
    """A folder with two small lessons."""
    folder = tmp_path_factory.mktemp("lessons")
    make_small_lessons(folder)
    return folder
