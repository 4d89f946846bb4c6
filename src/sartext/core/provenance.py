"""Where a result comes from: package version, commit, lock and code digests."""

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import TypedDict

import sartext
from sartext.core.files import sha256_bytes, sha256_file

PACKAGE_ROOT = Path(sartext.__file__).resolve().parent
PROJECT_ROOT = PACKAGE_ROOT.parent.parent


class Provenance(TypedDict):
    """What made a result. It holds no time, host or path, so equal runs write equal bytes."""

    package_version: str
    git_commit: str
    git_dirty: bool
    lock_sha256: str


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def provenance() -> Provenance:
    """Return the provenance of what runs now; the commit is ``unknown`` outside a git checkout."""
    lock = PROJECT_ROOT / "envs" / "requirements.lock"
    return Provenance(
        package_version=sartext.__version__,
        git_commit=_git("rev-parse", "HEAD") or "unknown",
        git_dirty=bool(_git("status", "--porcelain", "--untracked-files=no")),
        lock_sha256=sha256_file(lock) if lock.is_file() else "unknown",
    )


def _module_file(name: str) -> Path | None:
    path = PACKAGE_ROOT.parent.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _imports(path: Path) -> frozenset[str]:
    """Names of our modules that a file imports, at its top or inside its functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(name for name in names if name.split(".")[0] == "sartext")


def code_digest(*modules: str) -> str:
    """Return a digest of `modules` and of all of ours that they import, directly or through others.

    A package counts with the modules it imports only, so an edit reruns what it touches and no more. Files
    beside the modules that are not Python (templates, styles, tables) count with their package.
    """
    waiting, seen = list(modules), set[str]()
    digests: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _module_file(name)
        if path is None:
            continue
        # importing a.b.c runs a and a.b too
        parts = name.split(".")
        waiting.extend(".".join(parts[:depth]) for depth in range(1, len(parts)))
        digests[name] = sha256_file(path)
        waiting.extend(_imports(path))
        folder = path.parent
        for extra in sorted(folder.iterdir()):
            if extra.is_file() and extra.suffix not in {".py", ".pyc", ".typed"}:
                digests[extra.relative_to(PACKAGE_ROOT).as_posix()] = sha256_file(extra)
    if not digests:
        raise ValueError(f"no such module: {', '.join(modules)}")
    return sha256_bytes("\n".join(f"{name} {digest}" for name, digest in sorted(digests.items())).encode())[
        :16
    ]
