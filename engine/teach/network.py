"""The network in torch, for training: what engine/light/decode.py runs in the product.

A face's light is what its rays bring home, kept apart by distance, of itself and averaged over 3 x 3 and 5 x 5 faces.
The network sees geometry only, how far those rays go, and says how much of each of the twelve to take: near light from
the face's own rays, which alone know of the crack beside it, far light from many faces, which share their noise out. So
the result is exactly linear in light.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS, BINS = 3, 4
HIDDEN = 24
LEAK = 0.1
LEAST_TAKEN = 0.25
FIRST_GUESS = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]  # width by width: the nearer, the narrower


class IrradianceNetwork(nn.Module):
    """12 shares of rays -> 24 -> 12 gains."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(WIDTHS * BINS, HIDDEN)
        self.out = nn.Linear(HIDDEN, WIDTHS * BINS)
        nn.init.zeros_(self.out.weight)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor(FIRST_GUESS))

    def forward(self, moment: Tensor, share: Tensor) -> Tensor:
        """Light e [n, Q] from moment [n, 3, 4, Q] and share [n, 3, 4]; Q is sources times colours."""
        flat = share.flatten(1)
        gain = self.out(functional.leaky_relu(self.hidden(flat), LEAK))
        # Light that is the same from everywhere must stay what it is.
        taken = (gain * flat).sum(1, keepdim=True).clamp(min=LEAST_TAKEN)
        gain = gain * share[:, 0].sum(1, keepdim=True) / taken
        return torch.einsum("nk,nkq->nq", gain, moment.flatten(1, 2))
