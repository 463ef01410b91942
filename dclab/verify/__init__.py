"""Holding a run to its raw data: every figure that can be computed from it once more, and what is physically possible."""
