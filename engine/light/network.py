"""The network's weights: seven small arrays, about 4,000 numbers, read from safetensors, a format that holds no code.

theta [8, 3]     moments -> latent channels (latents.py)
patch  196 -> 16 occupancy around the texel
hidden  25 -> 24 + clearance [6] and offset [3] of the probes around
out     24 -> 18 residual for 6 local sides x 3 channels

"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import WeightsError
from engine.light.decode import PATCH
from engine.light.latents import CHANNELS, MOMENTS, classical_theta

F32 = NDArray[np.float32]
SHIPPED = Path(__file__).parent / "weights" / "irradiance.safetensors"
RESIDUALS = 6 * CHANNELS
SHAPES = {
    "theta": (MOMENTS, CHANNELS),
    "patch.weight": (16, PATCH),
    "patch.bias": (16,),
    "hidden.weight": (24, 25),
    "hidden.bias": (24,),
    "out.weight": (RESIDUALS, 24),
    "out.bias": (RESIDUALS,),
}


@dataclass(frozen=True)
class Network:
    """Weights as the kernels want them: matrices are [in, out], C order."""

    theta: F32  # [8, 3]
    w1: F32  # [196, 16]
    b1: F32  # [16]
    w2: F32  # [25, 24]
    b2: F32  # [24]
    w3: F32  # [24, 18]
    b3: F32  # [18]
    digest: str  # blake2b-128 of the file, hex: part of what cached residuals depend on

    def forward(self, patch: F32, clearance: F32, offset: F32) -> F32:
        """The slow definition in numpy: patch [n, 196], clearance [n, 6], offset [n, 3] -> residual [n, 18]."""
        x = patch @ self.w1 + self.b1
        x = np.maximum(x, 0.1 * x)
        y = np.concatenate([x, clearance, offset], 1) @ self.w2 + self.b2
        y = np.maximum(y, 0.1 * y)
        return np.asarray(y @ self.w3 + self.b3, np.float32)


def classical() -> Network:
    """Weights that add nothing: the classical interpolation of probes by side."""
    z = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    return _network(z | {"theta": classical_theta()}, "classical")


def _network(arrays: dict[str, F32], digest: str) -> Network:
    matrix = {k: np.ascontiguousarray(arrays[f"{k}.weight"].T, np.float32) for k in ("patch", "hidden", "out")}
    return Network(
        np.ascontiguousarray(arrays["theta"], np.float32),
        matrix["patch"], arrays["patch.bias"].copy(), matrix["hidden"], arrays["hidden.bias"].copy(),
        matrix["out"], arrays["out.bias"].copy(), digest,
    )  # fmt: skip


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
    return _network(arrays, digest)
