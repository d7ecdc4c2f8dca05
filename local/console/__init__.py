"""What a person sees of the local cloud: lines in the terminal, and the page under /_local/."""
