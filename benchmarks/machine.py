"""The machine that the numbers come from."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path


def description(python: str) -> str:
    """Return a Markdown list: date, machine, system, the Python of this process and of the functions (`python`)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    functions = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    lines = (
        f"Date: {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC",
        f"Machine: {cpu_model()}, {os.cpu_count()} cores, {memory:.1f} GiB, load {os.getloadavg()[0]:.1f} at the start",
        f"System: {platform.system()} {platform.release()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        f"Python: {functions} runs the functions, {platform.python_version()} the services and the measuring",
    )
    return "\n".join(f"- {line.rstrip(', ')}" for line in lines)


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the CPU's name from `cpuinfo`, or else the platform's name for it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
