"""Cloud Infinite: media jobs."""
