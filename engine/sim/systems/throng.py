"""Many walkers: the functions of `wishes.py` and `gait.py`, compiled.

This file is imported only for more than FEW walkers: importing numba takes half a second.
"""

from numba import njit

from engine.sim.systems import gait, wishes

want = njit(cache=True)(wishes.want)
mind = njit(cache=True)(gait.mind)
strides = njit(cache=True)(gait.strides)
