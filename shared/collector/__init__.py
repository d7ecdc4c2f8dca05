"""A timer's work: sweep what is watched, keep the results."""
