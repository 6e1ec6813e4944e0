"""Many walkers: the functions of `gait.py`, compiled.

Only `motion.py` imports this file, and only for more than FEW walkers: importing numba takes half a second.
"""

from numba import njit

from engine.sim.systems import gait

mind = njit(cache=True)(gait.mind)
strides = njit(cache=True)(gait.strides)
