"""Container images of single programs, written as docker archives: each a layer, or one above a base."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """An image whose one file of its own is a program."""

    program: Path
    at: str
    """Where it is in the image."""
    base: Path | None = None
    """A layer below, as a tar."""
    entrypoint: bool = False


def _layer(one: Program) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for folder in reversed(Path(one.at).parents[:-1]):
            found = tarfile.TarInfo(str(folder).lstrip("/"))
            found.type, found.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(found)
        found = tarfile.TarInfo(one.at.lstrip("/"))
        found.mode, found.size = 0o755, one.program.stat().st_size
        with one.program.open("rb") as content:
            tar.addfile(found, content)
    return written.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    found = tarfile.TarInfo(name)
    found.size = len(content)
    tar.addfile(found, io.BytesIO(content))


def write(file: Path, images: Mapping[str, Program]) -> None:
    """Write images, by name, into one archive."""
    manifest = []
    with tarfile.open(file, "w") as tar:
        for name, one in images.items():
            layers: list[bytes] = [*([one.base.read_bytes()] if one.base else []), _layer(one)]
            digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
            config = {
                "architecture": "amd64",
                "os": "linux",
                "config": {
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    **({"Entrypoint": [one.at]} if one.entrypoint else {"Cmd": [one.at]}),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            }
            described = json.dumps(config).encode()
            named = f"{hashlib.sha256(described).hexdigest()}.json"
            for digest, layer in zip(digests, layers, strict=True):
                if f"{digest}/layer.tar" not in tar.getnames():
                    _add(tar, f"{digest}/layer.tar", layer)
            _add(tar, named, described)
            manifest.append(
                {"Config": named, "RepoTags": [name], "Layers": [f"{digest}/layer.tar" for digest in digests]}
            )
        _add(tar, "manifest.json", json.dumps(manifest).encode())
