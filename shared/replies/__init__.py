"""The documents' envelope, and the reply that each caller expects: JSON, CSV, the page."""
