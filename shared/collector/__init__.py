"""A timer's work: sweep a watch list, keep the results."""
