"""JSON objects in COS, and a journal of small notes that are never overwritten."""
