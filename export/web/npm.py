"""Packages of the npm registry: fetched once, compared with their checksum, and kept in the user's cache."""

import base64
import hashlib
import os
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ExportError
from kerasbert.files import new_file

REGISTRY = "https://registry.npmjs.org"


@dataclass(frozen=True)
class Package:
    """One version of a package.

    Attributes:
        name, version: as in the registry.
        sha512: checksum of its archive in Base64, as in the registry and in lock files.
        files: the files that the page needs, by their path in the archive.
    """

    name: str
    version: str
    sha512: str
    files: tuple[str, ...]

    @property
    def archive(self) -> str:
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"


def fetch(package: Package, *, archives: Path | None = None) -> Path:
    """The path of a package's archive.

    Args:
        archives: a folder with the registry's archives. None: the user's cache, which is filled when needed.

    Raises:
        ExportError: the archive is missing and cannot be fetched, or its bytes are not those that were published.
    """
    path = (archives or cache()) / package.archive
    if not path.is_file():
        if archives is not None:
            raise ExportError(f"{path}: missing; fetch it with `npm pack {package.name}@{package.version}`")
        _download(package, path)
    if base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() != package.sha512:
        raise ExportError(
            f"{path}: its bytes are not those of {package.name} {package.version}; delete it and try again"
        )
    return path


def install(package: Package, target: Path, *, archives: Path | None = None) -> None:
    """Copies a package's files into `target/NAME/`. Arguments and errors are the same as for `fetch`."""
    path = fetch(package, archives=archives)
    folder = target / package.name
    folder.mkdir(parents=True)
    with tarfile.open(path) as archive:
        for name in (*package.files, "package.json"):  # which names the licence; the other files do not
            (folder / Path(name).name).write_bytes(archive.extractfile(f"package/{name}").read())


def cache() -> Path:
    """The folder where archives are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasbert" / "npm"


def _download(package: Package, path: Path) -> None:
    registry = os.environ.get("npm_config_registry") or REGISTRY  # noqa: SIM112 (npm's own spelling)
    url = f"{registry.rstrip('/')}/{package.name}/-/{package.archive}"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{url}: cannot be fetched ({error}); the page needs it once: run this with a network, "
            f"or put the file into {path.parent}"
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as building:
        building.write_bytes(content)
