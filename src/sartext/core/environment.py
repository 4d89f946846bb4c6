"""Whether the installed packages are those of the lock."""

import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from sartext.core.errors import UserError
from sartext.core.provenance import PROJECT_ROOT

LOCK = PROJECT_ROOT / "envs" / "requirements.lock"
_PINNED = re.compile(r"^(?P<pin>[A-Za-z0-9][^\\\n]*==[^\\\n]*?) *\\?$", re.MULTILINE)


def locked_packages(lock: Path = LOCK) -> dict[str, Requirement]:
    """Return the packages that a lock wants of this Python on this platform, by name.

    Lines for other platforms and Pythons (``; sys_platform == 'win32'``) are left out.

    Raises:
        UserError: there is no such lock, or it pins nothing.
    """
    if not lock.is_file():
        raise UserError(f"{lock}: no such file; run in a checkout, which has it")
    found = {}
    for match in _PINNED.finditer(lock.read_text(encoding="utf-8")):
        try:
            wanted = Requirement(match["pin"])
        except InvalidRequirement:
            raise UserError(
                f"{lock}: {match['pin']!r} is no pinned package; expected NAME==VERSION; "
                "restore the file, or make it anew with make lock"
            ) from None
        if wanted.marker is None or wanted.marker.evaluate():
            found[wanted.name] = wanted
    if not found:
        raise UserError(f"{lock}: pins no package; restore the file, or make it anew with make lock")
    return found


def check_environment(lock: Path = LOCK) -> int:
    """Check that the installed packages are those of a lock; packages that it does not name are no matter.

    Returns:
        How many packages were compared.

    Raises:
        UserError: a package is absent or of another version; names the first one and says how many there are.
    """
    packages = locked_packages(lock)
    wrong = []
    for name, wanted in packages.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is not installed, expected {str(wanted.specifier).strip('=')}")
            continue
        # a local version, such as 2.1+cpu, is another build
        if Version(version) != Version(str(wanted.specifier).strip("=")):
            wrong.append(f"{name} {version} is installed, expected {str(wanted.specifier).strip('=')}")
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(
            f"{lock.name}: {wrong[0]}{more}; 'make setup' installs what is locked, "
            "'make lock' makes another lock"
        )
    return len(packages)
