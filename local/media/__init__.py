"""The media API: API 2.0 and the two actions that query tasks."""
