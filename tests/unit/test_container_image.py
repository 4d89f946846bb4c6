"""What the image promises, as far as it shows without building it: `make image-smoke` shows the rest."""

import os
import re
import subprocess
from pathlib import Path

import pytest

DIGEST = "sha256:" + "0" * 64


def _instructions(root: Path) -> list[tuple[str, str]]:
    """The Containerfile's instructions, each on one line, without comments."""
    text = (root / "containers" / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def _image(root: Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make image` with a buildah that only writes down how it was called."""
    buildah = folder / "bin" / "buildah"
    if not buildah.exists():
        buildah.parent.mkdir()
        buildah.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{folder}/called"\n')
        buildah.chmod(0o755)
    path = f"{buildah.parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PIP_", "UV_"))}
    return subprocess.run(
        ["make", "image"], cwd=root, capture_output=True, text=True, check=False,
        env={**kept, "PATH": path, "TMPDIR": str(folder), **environment},
    )  # fmt: skip


def test_the_base_is_an_argument_without_a_default(root: Path) -> None:
    instructions = _instructions(root)
    assert instructions[0] == ("ARG", "BASE")
    assert [value for name, value in instructions if name == "FROM"] == ["${BASE}"]


def test_it_does_not_run_as_root(root: Path) -> None:
    users = [value for name, value in _instructions(root) if name == "USER"]
    assert users, "no USER: runs as root"
    assert users[-1].split(":")[0] not in {"root", "0"}


def test_everything_from_an_index_is_checked_against_a_lock(root: Path) -> None:
    instructions = _instructions(root)
    assert not [value for name, value in instructions if name == "ADD"], "ADD fetches without a digest"
    commands = [
        command.strip() for name, value in instructions if name == "RUN" for command in value.split("&&")
    ]
    installs = [command for command in commands if re.search(r"\bpip (install|sync)\b", command)]
    assert len(installs) == 3
    for command in installs:
        own = command.endswith("-e .") and "--offline" in command and "--no-deps" in command
        assert own or "--require-hashes" in command, command
    for lock in ("uv.lock", "requirements.lock"):
        assert any(command.endswith(f"/{lock}") for command in installs)
        assert "--hash=sha256:" in (root / "envs" / lock).read_text(encoding="utf-8")


def test_the_lock_is_installed_before_the_source_comes_in(root: Path) -> None:
    instructions = _instructions(root)
    (locked,) = [
        at for at, (_, value) in enumerate(instructions) if "requirements.lock" in value and "RUN" in _
    ]
    (source,) = [at for at, pair in enumerate(instructions) if pair == ("COPY", "--chown=1000:0 . .")]
    changing = [at for at, (_, value) in enumerate(instructions) if "REVISION" in value or "CREATED" in value]
    assert locked < source < min(changing)


@pytest.mark.parametrize(
    "base",
    ["debian:bookworm", "debian", "debian@sha256:12", f"debian:bookworm@{DIGEST}", f"debian@{DIGEST} x"],
)
def test_a_base_that_is_not_named_by_its_digest_is_refused(root: Path, tmp_path: Path, base: str) -> None:
    done = _image(root, tmp_path, BASE=base)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("make image: ")]
    assert len(said) == 1
    assert f"BASE={base}: expected an image by its digest" in said[0]
    assert not (tmp_path / "called").exists()


def test_the_commit_is_built_on_the_base_and_the_index_stays_a_secret(root: Path, tmp_path: Path) -> None:
    base = f"localhost:5000/mirror/debian@{DIGEST}"
    index = "https://user:word@index.example/simple"
    done = _image(root, tmp_path, BASE=base, UV_DEFAULT_INDEX=index, PIP_INDEX_URL=index)
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "called").read_text(encoding="utf-8")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    assert f"BASE={base}\n" in called
    assert f"REVISION={head.stdout}" in called
    assert "id=environment,src=" in called
    assert "index.example" not in called + done.stdout + done.stderr
