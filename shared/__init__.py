"""What both functions need; this and functions/ are all that is deployed."""

import gc
import warnings

# Almost all that a cold start makes is there to stay. Looking for garbage among it every 700 objects, Python's default,
# takes 7% of the time; an instance that lives on makes little that needs looking for.
gc.set_threshold(100_000)
# The bundle has no library that guesses encodings. requests does without one since 2.32, but says so on stderr.
warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
