"""COS: buckets and their objects."""
