"""The wire: one warm connection pool, deadlines, retries, calls in parallel, XML."""
