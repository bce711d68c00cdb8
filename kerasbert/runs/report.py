"""The report of a finished run: report.json for machines, report.md for people."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from kerasbert._version import __version__
from kerasbert.checkpoints.markdown import table
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


def write_report(folder: Path, figures: dict, settings: dict, *, title: str) -> None:
    """Writes both files.

    Args:
        figures: where the run ended.
        settings: dicts, one part of the report each, and values, which together are one part. A dict of dicts is a
            table with one line per dict.
    """
    parts = {name: values for name, values in settings.items() if isinstance(values, dict)}
    report = {
        "figures": figures,
        **parts,
        "run": {name: value for name, value in settings.items() if name not in parts},
        "hardware": hardware(),
        "versions": {"kerasbert": __version__, **{name: version(name) for name in PACKAGES}},
    }
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = [f"# {title}", "", "![loss, accuracy and learning rate](curves.png)"]
    for name, values in report.items():
        lines += ["", f"## {name.capitalize()}", "", *table(values)]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
