"""Light in world space: probes with traced rays, relight, final gather, surface pages, and the cache that keeps it.

Reading order: trace, surface, probes, transport, passes, relight, formfactor, furniture, lamps, gather, decode, pages,
pool, cache.
"""

import os

# An idle OpenMP worker that spins takes its core from llvmpipe: 64 ms against 7 ms for a small batch on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
