"""Which lab: what runs in the namespace, and how it is reached."""
