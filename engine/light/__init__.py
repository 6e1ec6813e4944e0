"""Light in world space: rays that light bounces along, relight, final gather, surface pages, and the cache of it all.

Reading order: trace, surface, bounces, transport, passes, relight, probes, probelight, formfactor, furniture, lamps,
gather, decode, pages, pool, cache.
"""

import os

# An idle OpenMP worker that spins takes its core from llvmpipe: 64 ms against 7 ms for a small batch on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
