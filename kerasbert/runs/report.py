"""The report of a finished run: report.json for machines, report.md for people."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from kerasbert._version import __version__
from kerasbert.training.distribution import accelerators

PACKAGES = ("keras", "tensorflow", "numpy")


def hardware() -> dict:
    """The machine: system, processor, accelerators."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerators": accelerators(),
    }


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
