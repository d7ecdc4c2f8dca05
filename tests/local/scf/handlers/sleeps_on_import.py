"""Never finishes its import."""

import time

print("counting sheep")
time.sleep(3600)
