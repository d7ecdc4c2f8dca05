"""Cloud Infinite as a back end."""
