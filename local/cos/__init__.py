"""COS: one bucket's objects."""
