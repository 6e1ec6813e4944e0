#!/usr/bin/env python3
"""Writes docs/REFERENCE.md from the language's own signatures and docstrings."""

from pathlib import Path

from engine.script.reference import page

if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs" / "REFERENCE.md").write_text(page(), encoding="utf-8")
