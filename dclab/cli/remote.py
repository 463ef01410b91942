"""How to open a page of this machine from another one, such as the user's laptop."""

from __future__ import annotations

import getpass
import os
from urllib.parse import urlsplit

__all__ = ["tunnel"]


def tunnel(url: str) -> str | None:
    """The `ssh -L` line that brings a URL of here to there; None when nobody came by ssh."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return None
    parts = urlsplit(url)
    port = f" -p {connection[3]}" if connection[3] != "22" else ""
    return (
        f"ssh{port} -L {parts.port}:{parts.hostname}:{parts.port} {getpass.getuser()}@{connection[2]}, "
        f"then http://127.0.0.1:{parts.port}{parts.path}"
    )
