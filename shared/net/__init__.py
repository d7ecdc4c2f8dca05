"""The wire: one warm connection pool, deadlines, retries, parallel calls, JSON and XML."""
