"""Physics of rigid bodies: a protocol of our own (solver.py), and rapier behind it (rapier.py)."""
