"""Weights come from files of any origin: whatever is wrong with one is said in a sentence, and nothing else happens."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engine.core.errors import WeightsError
from engine.light.network import HIDDEN, SHAPES, SHIPPED, load


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
    del arrays["out.bias"]
    save_file(arrays, copy)
    with pytest.raises(WeightsError, match="tensor 'out.bias' must be"):
        load(copy)


def test_the_shipped_weights_say_how_they_were_made() -> None:
    header = SHIPPED.read_bytes()
    notes = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    network, baseline = json.loads(notes["rmse_network"]), json.loads(notes["rmse_classical"])
    assert all(network[source] < baseline[source] for source in ("sky", "sun", "lamps"))


def test_the_shipped_weights_are_six_hundred_numbers() -> None:
    network = load()
    shapes = [a.shape for a in (network.w1, network.b1, network.w2, network.b2)]
    assert shapes == [(12, HIDDEN), (HIDDEN,), (HIDDEN, 12), (12,)]
    assert sum(int(np.prod(shape)) for shape in shapes) == 612
    assert network.w1.flags.c_contiguous and network.w2.flags.c_contiguous


def test_matrices_are_turned_when_they_are_read(copy: Path) -> None:
    """Files hold [out, in] as torch does; kernels want [in, out]."""
    hidden = np.arange(24 * 12, dtype=np.float32).reshape(24, 12)
    network = load(changed(copy, **{"hidden.weight": hidden}))
    np.testing.assert_array_equal(network.w1, hidden.T)


def test_gains_by_hand(copy: Path) -> None:
    """One hidden unit that adds the shares of 3 x 3 texels and leaks below zero, one gain that takes it three times,
    another that is 1; then all scaled so that even light is kept, but not from less than a quarter of it.
    """
    zero = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    zero["hidden.weight"][7, 4:8], zero["hidden.bias"][7] = 1.0, -0.5
    zero["out.weight"][2, 7], zero["out.bias"][2], zero["out.bias"][0] = 3.0, 0.25, 1.0
    network = load(changed(copy, **zero))
    own = np.array([[0.1, 0.2, 0.4, 0.3], [0.1, 0.2, 0.6, 0.05]], np.float32)
    near = np.array([[0.1, 0.2, 0.3, 0.4], [0.0, 0.1, 0.0, 0.0]], np.float32)
    gain = network.gains(own, near, np.full((2, 4), 9.0, np.float32))
    # Before scaling 1 and 0.25 + 3 * 0.5, which take 0.8 of even light; then 1 and 0.25 - 3 * 0.1 * 0.4 take 0.178.
    np.testing.assert_allclose(gain[:, 0], [1 / 0.8, 0.95 / 0.25], rtol=1e-5)
    np.testing.assert_allclose(gain[:, 2], [1.75 / 0.8, 0.13 * 0.95 / 0.25], rtol=1e-5)
    assert gain.dtype == np.float32 and not np.delete(gain, [0, 2], 1).any()
