"""The network's weights: four small arrays, about 600 numbers, read from safetensors, a format that holds no code.

hidden  12 -> 24   shares of rays by bin of distance: of the texel, of 3 x 3 and of 5 x 5 texels
out     24 -> 12   gains on the light that came home along them, in the same order
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import WeightsError
from engine.light.decode import LEAK, LEAST_TAKEN
from engine.light.gather import BINS

F32 = NDArray[np.float32]
SHIPPED = Path(__file__).parent / "weights" / "irradiance.safetensors"
HIDDEN = 24
SHAPES = {
    "hidden.weight": (HIDDEN, 3 * BINS),
    "hidden.bias": (HIDDEN,),
    "out.weight": (3 * BINS, HIDDEN),
    "out.bias": (3 * BINS,),
}


@dataclass(frozen=True)
class Network:
    """Weights as the kernels want them: matrices are [in, out], C order."""

    w1: F32  # [12, 24]
    b1: F32  # [24]
    w2: F32  # [24, 12]
    b2: F32  # [12]
    digest: str  # blake2b-128 of the file, hex: part of what cached light depends on

    def gains(self, own: F32, near: F32, wide: F32) -> F32:
        """The slow definition in numpy: shares of rays [n, 4] of texels, 3 x 3 and 5 x 5 -> gains [n, 12]."""
        share = np.concatenate([own, near, wide], 1)
        x = share @ self.w1 + self.b1
        gain = np.maximum(x, LEAK * x) @ self.w2 + self.b2
        taken = np.maximum((gain * share).sum(1, keepdims=True), LEAST_TAKEN)
        return np.asarray(gain * own.sum(1, keepdims=True) / taken, np.float32)


def load(path: Path = SHIPPED) -> Network:
    """Read and check weights. Raises WeightsError if the file is missing, damaged, of other shapes or not finite.

    A file `NAME.blake2b` beside it holds the digest that it must have, when there is one (the shipped weights have).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path.name}: the network's weights cannot be read ({error.strerror})") from None
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    pinned = path.with_suffix(".blake2b")
    if pinned.exists() and pinned.read_text().split()[0] != digest:
        raise WeightsError(f"{path.name}: the weights are damaged: their digest is {digest}, not the pinned one")
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    try:
        arrays = parse(data)
    except (SafetensorError, ValueError, KeyError, OverflowError, struct.error) as error:
        raise WeightsError(f"{path.name}: not a safetensors file ({error})") from None
    for name, shape in SHAPES.items():
        if name not in arrays or arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise WeightsError(f"{path.name}: tensor {name!r} must be float32 of shape {list(shape)}")
        if not np.isfinite(arrays[name]).all():
            raise WeightsError(f"{path.name}: tensor {name!r} holds a value that is not finite")
    w1, w2 = (np.ascontiguousarray(arrays[f"{name}.weight"].T) for name in ("hidden", "out"))
    return Network(w1, arrays["hidden.bias"].copy(), w2, arrays["out.bias"].copy(), digest)
