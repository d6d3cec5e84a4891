"""What the figures hold for: this machine and the libraries on it. No name, address or path of it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PYTHON_PARTS = (
    "numpy", "opencv-python-headless", "simplejpeg", "PyTurboJPEG", "av", "pillow", "pyvips", "pyvips-binary",
)  # fmt: skip
_SYSTEM_PARTS = ("libjpeg62-turbo", "libturbojpeg0", "libyuv0", "libgstreamer1.0-0", "gstreamer1.0-plugins-good")


def facts() -> dict[str, str]:
    return {
        "CPU": cpu_model(),
        "cores": f"{os.cpu_count()}, one of them used",
        "load when it began": f"{os.getloadavg()[0]:.1f} threads; figures are good when nothing else runs",
        "instruction sets": ", ".join(name for name in ("sse4_1", "avx2", "avx512bw") if name in cpu_flags()),
        "second-level cache of a core": cache_size(2),
        "OS": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "compiler": compiler(),
        **{name: found for name in _PYTHON_PARTS if (found := python_part(name))},
        **{name: found for name in _SYSTEM_PARTS if (found := system_part(name))},
    }


def cpu_model() -> str:
    named = cpu_line("model name") or platform.processor() or platform.machine()
    numbers = [cpu_line(key) for key in ("cpu family", "model", "stepping")]
    return f"{named} (family, model, stepping {' '.join(numbers)})" if all(numbers) else named


def cpu_flags() -> list[str]:
    return cpu_line("flags").split()


def cpu_line(key: str) -> str:
    """The first such line of /proc/cpuinfo; empty where there is none."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def cache_size(level: int) -> str:
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (index / "level").read_text().strip() == str(level):
            return (index / "size").read_text().strip()
    return "unknown"


def compiler() -> str:
    found = shutil.which("c++")
    return (
        subprocess.run([found, "--version"], capture_output=True, check=False, text=True).stdout.splitlines()[0]
        if found
        else ""
    )


def python_part(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def system_part(package: str) -> str:
    """Its version, where the system is Debian's."""
    if not shutil.which("dpkg-query"):
        return ""
    command = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout
