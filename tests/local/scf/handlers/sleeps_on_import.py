"""Never gets done with importing."""

import time

print("counting sheep")
time.sleep(3600)
