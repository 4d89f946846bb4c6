"""Versions of SAR-TEXT: numbers, and the tags of git that stand for them."""

import re
from dataclasses import dataclass
from pathlib import Path

from sartext.core.errors import UserError
from sartext.dataset.release.tools import git

RELEASES = Path("data") / "sar-text"
_NUMBERS = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_CONTENT = re.compile(r"^content: ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Version:
    """A version by https://semver.org, without suffixes."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """Return the version that ``X.Y.Z`` says, or None if it is not of that form."""
        match = _NUMBERS.fullmatch(text)
        return cls(*map(int, match.groups())) if match else None


@dataclass(frozen=True)
class Released:
    """A version that was released.

    Attributes:
        version: its number.
        tag: its tag.
        content: digest of its content, as its tag says.
    """

    version: Version
    tag: str
    content: str


def artifact(profile: str) -> str:
    """Return the name of SAR-TEXT of a profile among DVC's artifacts."""
    return f"sar-text-{profile}"


def tag_of(profile: str, version: Version) -> str:
    """Return the tag of a version, in the form that DVC's artifacts have."""
    return f"{artifact(profile)}@v{version}"


def tag_text(profile: str, version: Version, content: str) -> str:
    """Return what a version's tag says."""
    return f"SAR-TEXT {profile} {version}\n\ncontent: {content}\n"


def last_release(profile: str) -> Released | None:
    """Return the highest version that has a tag; None if there is none.

    Raises:
        UserError: its tag is not one that `sartext release` made.
    """
    prefix = f"{artifact(profile)}@v"
    found = []
    for tag in git("tag", "--list", f"{prefix}*").splitlines():
        version = Version.parse(tag.removeprefix(prefix))
        if version:
            found.append((version, tag))
    if not found:
        return None
    version, tag = max(found)
    match = _CONTENT.search(git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}"))
    if not match:
        raise UserError(
            f"tag {tag}: says no 'content: SHA256'; expected a tag that sartext release made; "
            "if it is none, delete it (git tag -d)"
        )
    return Released(version, tag, match[1])


def next_version(profile: str, text: str, last: Released | None) -> Version:
    """Return the version that a release is to have.

    Raises:
        UserError: `text` is no version, or is not above the last one.
    """
    version = Version.parse(text)
    if version is None:
        raise UserError(f"--version: expected X.Y.Z such as 1.0.0, found {text!r:.60}")
    if last and version == last.version:
        raise UserError(f"--version: {text} is released (tag {last.tag}); a released version never changes")
    if last and version < last.version:
        raise UserError(
            f"--version: expected a version of {artifact(profile)} above {last.version}, the last one, "
            f"found {text}"
        )
    return version
