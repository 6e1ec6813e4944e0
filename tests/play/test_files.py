"""Files are written whole or not at all, and say where they come from."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.core.disk import write_whole
from engine.core.errors import OutputError
from engine.play import files


def test_a_png_keeps_its_pixels_and_says_where_it_comes_from(tmp_path: Path, rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    path = tmp_path / "new" / "folder" / "a.png"
    files.write_png(path, rgb, {"world": "courtyard", "seed": "7", "tick": "64"})
    with Image.open(path) as image:
        assert (np.asarray(image) == rgb).all()
        assert image.info["world"] == "courtyard" and image.info["tick"] == "64"
    assert list(path.parent.iterdir()) == [path]


def test_a_film_has_its_frames_and_an_even_size(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with files.film(path, 30, {"world": "courtyard"}) as add:
        for level in range(0, 250, 10):
            add(np.full((91, 161, 3), level, np.uint8))
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        levels = [frame.to_ndarray(format="gray").mean() for frame in film.decode(stream)]
        assert (stream.width, stream.height, stream.pix_fmt) == (160, 90, "yuv420p")
        assert film.metadata["world"] == "courtyard"
    assert len(levels) == 25 and levels == sorted(levels) and levels[-1] - levels[0] > 200


def test_a_film_of_one_pixel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(OutputError, match="at least 2 x 2 pixels"), files.film(path, 30) as add:
        add(np.zeros((1, 1, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), files.film(path, 30) as add:
        add(np.zeros((16, 16, 3), np.uint8))
        raise ZeroDivisionError
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file/inside.png", "folder", "nul\0.png"])
def test_what_cannot_be_written_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for write in (files.check_writable, lambda path: write_whole(path, b"x")):
        with pytest.raises(OutputError, match="^cannot write [^\n]*$"):
            write(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_looking_whether_a_file_can_be_written_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    files.check_writable(path)
    assert not path.exists()
    path.write_bytes(b"old")
    files.check_writable(path)
    assert path.read_bytes() == b"old"
