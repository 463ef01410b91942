"""Which cluster: find it, make it, prepare it, bring the images to it."""
