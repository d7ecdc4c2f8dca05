"""The media API: API 2.0 with the two actions that query tasks."""
