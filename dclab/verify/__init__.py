"""Check a run against its raw data: recompute every figure that follows from it, and look for what is physically impossible."""
