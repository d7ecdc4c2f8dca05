"""What answers about tasks: API 2.0, or Cloud Infinite."""
