"""git and DVC, called as a person would; what they refuse is said in one line."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sartext.core.errors import UserError


def git(*arguments: str, given: str | None = None, index: Path | None = None) -> str:
    """Run git in the working directory and return what it says, without the last newline.

    Args:
        arguments: of git.
        given: its standard input.
        index: the index to work on, if not the repository's.

    Raises:
        UserError: there is no git, or it fails; its own words are told.
    """
    environment = {**os.environ, "GIT_INDEX_FILE": str(index.resolve())} if index else None
    try:
        done = subprocess.run(
            ["git", *arguments], input=given, capture_output=True, text=True, check=False, env=environment
        )
    except FileNotFoundError:
        raise UserError("git: no such program; a release is a commit and a tag: install git") from None
    if done.returncode != 0:
        raise UserError(f"git {arguments[0]}: {done.stderr or done.stdout or 'failed'}")
    return done.stdout.rstrip("\n")


def dvc(*arguments: str, holding: IO[str] | None = None) -> str:
    """Run DVC in the working directory and return what it says.

    Args:
        arguments: of DVC.
        holding: an open file that DVC keeps open, whatever becomes of this process.

    Raises:
        UserError: DVC fails; its own words are told.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[holding.fileno()] if holding else [],
    )
    if done.returncode != 0:
        raise UserError(f"dvc {arguments[0]}: {done.stderr or done.stdout or 'failed'}")
    return done.stdout.rstrip("\n")


def _listed(*arguments: str) -> set[str]:
    return {name for name in git(*arguments, "-z").split("\0") if name}


def check_repository() -> str:
    """Check that a commit can be made of a release's own files alone, and says what it was made from.

    Returns:
        The commit that is checked out.

    Raises:
        UserError: git is absent, the working directory is not the root of a repository of git and DVC, it is
            on no branch, a merge is going on, who commits is not known, or a tracked file was changed.
    """
    here = Path.cwd().resolve()
    root = Path(git("rev-parse", "--show-toplevel")).resolve()
    if root != here:
        raise UserError(f"{here}: not the root of its git repository, which is {root}; release from there")
    if not Path(".dvc").is_dir():
        raise UserError(f"{here}: no DVC repository; expected the folder .dvc (dvc init)")
    for what, found in (
        ("is staged", _listed("diff", "--cached", "--name-only")),
        ("differs from its commit", _listed("diff", "--name-only")),
    ):
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise UserError(
                f"{min(found)}: {what}{more}; a release commits its pointer alone, and names the commit that "
                "it was made from: commit or stash what is yours first"
            )
    if Path(git("rev-parse", "--git-path", "MERGE_HEAD")).exists():
        raise UserError(
            f"{here}: a merge is going on; finish it (git commit) or leave it (git merge --abort)"
        )
    branch_of()
    git("var", "GIT_AUTHOR_IDENT")
    git("var", "GIT_COMMITTER_IDENT")
    return git("rev-parse", "--verify", "HEAD^{commit}")


def branch_of() -> str:
    """Return the full name of the branch that is checked out; raises `UserError` if there is none."""
    try:
        return git("symbolic-ref", "HEAD")
    except UserError:
        raise UserError(
            "git: no branch is checked out, so a release's commit would be on none; git switch BRANCH first"
        ) from None


def commit_and_tag(paths: Sequence[Path], message: str, tag: str, tag_message: str) -> str:
    """Commit `paths` alone on the branch, and tag the commit: both or neither, whatever happens.

    The two references are moved in one transaction of git, so that a kill, a lock or a hook leaves no commit
    without its tag. If the branch has these files as they are, it is the last commit that is tagged.

    Args:
        paths: files; nothing else may be staged.
        message: of the commit.
        tag: name of the tag.
        tag_message: text of the tag.

    Returns:
        The commit.

    Raises:
        UserError: git refuses.
    """
    head, branch = git("rev-parse", "HEAD"), branch_of()
    added = ("add", "--", *(path.as_posix() for path in paths))
    git(*added)
    with tempfile.TemporaryDirectory() as folder:
        # an index of its own: what someone stages meanwhile is theirs
        index = Path(folder, "index")
        git("read-tree", head, index=index)
        git(*added, index=index)
        tree = git("write-tree", index=index)
    moves = ""
    commit = head
    if tree != git("rev-parse", "HEAD^{tree}"):
        commit = git("commit-tree", tree, "-p", head, "-m", message)
        moves = f"update {branch} {commit} {head}\n"
    tagger = git("var", "GIT_COMMITTER_IDENT")
    tag_object = git(
        "mktag",
        given=f"object {commit}\ntype commit\ntag {tag}\ntagger {tagger}\n\n{tag_message.rstrip()}\n",
    )
    subject = message.splitlines()[0]
    git(
        "update-ref",
        "-m",
        f"commit: {subject}",
        "--stdin",
        given=f"{moves}create refs/tags/{tag} {tag_object}\n",
    )
    return commit
