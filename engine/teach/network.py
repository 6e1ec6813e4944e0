"""The network in torch, for training: what engine/light/decode.py and latents.py run in the product.

A face's light is a sum over its probes, the six sides of its own frame and three latent channels; the network says,
from geometry alone, how much of each to add to the classical interpolation. So the result is exactly linear in light.
Local sides are ordered +u, -u, +v, -v, +n, -n with u = (axis + 1) % 3 and v = (axis + 2) % 3.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 3
MOMENTS = 8
PATCH_SHAPE = (7, 7, 4)  # bins along u, v and height
LEAK = 0.1
SYMMETRIES = 8  # of the tangent plane: bit 0 flips u, bit 1 flips v, bit 2 then swaps them


class IrradianceNetwork(nn.Module):
    """196 -> 16, + 6 clearances + 3 offsets -> 24 -> 18 residuals; and theta, which folds 8 moments into 3 channels."""

    def __init__(self) -> None:
        super().__init__()
        theta = torch.zeros(MOMENTS, CHANNELS)
        theta[:4, 0] = 1.0  # channel 0 starts as the classical irradiance
        theta[0, 1], theta[1, 1] = 1.0, 0.5  # channel 1 as light from near surfaces
        theta[4:, 2] = 1.0  # channel 2 as light from straight ahead
        self.theta = nn.Parameter(theta)
        self.patch = nn.Linear(int(np.prod(PATCH_SHAPE)), 16)
        self.hidden = nn.Linear(16 + 6 + 3, 24)
        self.out = nn.Linear(24, 6 * CHANNELS)
        nn.init.zeros_(self.out.weight)  # so that training starts from the classical result
        nn.init.zeros_(self.out.bias)

    def residual(self, patch: Tensor, clearance: Tensor, offset: Tensor) -> Tensor:
        """patch [n, 196], clearance [n, 6], offset [n, 3] -> [n, 18], local side by local side."""
        near = functional.leaky_relu(self.patch(patch), LEAK)
        mixed = functional.leaky_relu(self.hidden(torch.cat([near, clearance, offset], -1)), LEAK)
        return self.out(mixed)

    def forward(self, moments: Tensor, patch: Tensor, clearance: Tensor, offset: Tensor) -> Tensor:
        """Light e [n, Q] from moments [n, 6, 8, Q] averaged over each face's probes; Q is sources times colours."""
        gain = self.residual(patch, clearance, offset).view(-1, 6, CHANNELS)
        base = torch.zeros(6, CHANNELS)
        base[4, 0] = 1.0
        # Both tables are small: fold them into one weight per side and moment before the light is touched.
        weights = torch.einsum("nfc,mc->nfm", gain + base, self.theta)
        return torch.einsum("nfm,nfmq->nq", weights, moments)


def local_sides(side: NDArray[np.int32]) -> NDArray[np.int64]:
    """World side of each local side: [n] -> [n, 6]."""
    axis, negative = side.astype(np.int64) // 2, side.astype(np.int64) % 2
    u, v = (axis + 1) % 3, (axis + 2) % 3
    return np.stack([2 * u, 2 * u + 1, 2 * v, 2 * v + 1, 2 * axis + negative, 2 * axis + 1 - negative], 1)


def mirrored(
    symmetry: int, moments: Tensor, patch: Tensor, clearance: Tensor, offset: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same faces seen in a flipped or swapped tangent frame; their light stays the same."""
    order, signs, axes = [0, 1, 2, 3, 4, 5], [1.0, 1.0, 1.0], [0, 1, 2]
    cells = patch.view(-1, *PATCH_SHAPE)
    if symmetry & 1:
        order, signs[0], cells = [order[k] for k in (1, 0, 2, 3, 4, 5)], -1.0, cells.flip(1)
    if symmetry & 2:
        order, signs[1], cells = [order[k] for k in (0, 1, 3, 2, 4, 5)], -1.0, cells.flip(2)
    if symmetry & 4:
        order, axes, cells = [order[k] for k in (2, 3, 0, 1, 4, 5)], [1, 0, 2], cells.transpose(1, 2)
    turned = (offset * torch.tensor(signs))[:, axes]
    return moments[:, order], cells.reshape(len(patch), -1), clearance[:, order], turned
