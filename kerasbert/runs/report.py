"""What a finished run says of itself: report.json for machines, report.md for people."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import keras

from kerasbert._version import __version__

PACKAGES = ("keras", "tensorflow", "numpy")


def hardware() -> dict:
    """The machine: system, processor, accelerators."""
    found = {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        found["accelerators"] = [
            tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in devices
        ]
    elif keras.backend.backend() == "jax":
        import jax

        found["accelerators"] = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    return found


def write_report(folder: Path, figures: dict, settings: dict) -> None:
    """Writes both files.

    Args:
        figures: where the run ended. settings: dicts, a part of the report each, and values, together one part.
    """
    parts = {title: values for title, values in settings.items() if isinstance(values, dict)}
    report = {
        "figures": figures,
        **parts,
        "run": {name: value for name, value in settings.items() if name not in parts},
        "hardware": hardware(),
        "versions": {"kerasbert": __version__, **{name: version(name) for name in PACKAGES}},
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = ["# Pre-training report", "", "![loss, accuracy and learning rate](curves.png)"]
    for title, values in report.items():
        lines += ["", f"## {title.capitalize()}", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {_shown(value)} |" for name, value in values.items() if value not in (None, [])]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _shown(value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
