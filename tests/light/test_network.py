"""Weights come from files of any origin: whatever is wrong with one is said in a sentence, and nothing else happens."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engine.core.errors import WeightsError
from engine.light.network import SHAPES, SHIPPED, classical, load


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped weights without their pinned digest."""
    return Path(shutil.copy(SHIPPED, tmp_path / "weights.safetensors"))


def changed(path: Path, **arrays: np.ndarray) -> Path:
    save_file({**load_file(path), **arrays}, path)
    return path


def test_the_shipped_weights_load_and_match_their_digest() -> None:
    assert load().digest == SHIPPED.with_suffix(".blake2b").read_text().split()[0]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="none.safetensors: the network's weights cannot be read"):
        load(tmp_path / "none.safetensors")


def test_a_flipped_bit_is_found_by_the_digest(tmp_path: Path) -> None:
    for name in (SHIPPED.name, SHIPPED.with_suffix(".blake2b").name):
        shutil.copy(SHIPPED.parent / name, tmp_path / name)
    path = tmp_path / SHIPPED.name
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        load(path)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_truncated_file(copy: Path, keep: int) -> None:
    copy.write_bytes(copy.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load(copy)


def test_a_pickle_in_disguise(copy: Path) -> None:
    copy.write_bytes(b"\x80\x04\x95" + b"cos\nsystem\n" * 20)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load(copy)


@pytest.mark.parametrize("name", SHAPES)
def test_a_tensor_of_another_shape_or_kind_or_not_finite(copy: Path, name: str) -> None:
    right = load_file(copy)[name]
    for wrong, why in (
        (right[:1], "must be float32 of shape"),
        (right.astype(np.float64), "must be float32 of shape"),
        (np.full_like(right, np.nan), "not finite"),
    ):
        with pytest.raises(WeightsError, match=f"tensor '{name}' .*{why}"):
            load(changed(copy, **{name: wrong}))


def test_a_tensor_that_is_not_there(copy: Path) -> None:
    arrays = load_file(copy)
    del arrays["theta"]
    save_file(arrays, copy)
    with pytest.raises(WeightsError, match="theta"):
        load(copy)


def test_the_shipped_weights_say_how_they_were_made() -> None:
    header = SHIPPED.read_bytes()
    notes = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    assert notes["command"].startswith("python -m engine.teach train")
    network, baseline = json.loads(notes["rmse_network"]), json.loads(notes["rmse_classical"])
    assert all(network[source] < baseline[source] for source in ("sky", "sun", "lamps"))


def test_classical_weights_add_nothing() -> None:
    network = classical()
    rng = np.random.default_rng(0)
    inputs = (rng.normal(size=(9, n)).astype(np.float32) for n in (196, 6, 3))
    assert not network.forward(*inputs).any()
    np.testing.assert_array_equal(network.theta.sum(0), [4, 0, 0])
