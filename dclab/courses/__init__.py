"""Course sheets: what a course asks, in its order, with its marks, and which part of a run answers it."""
