"""The console: lines in the terminal, and the page under /_local/."""
