"""Daguerre: a world simulator with a neural camera."""

__version__ = "0.1.0"
