"""The services that have records of tasks: API 2.0, or Cloud Infinite."""
