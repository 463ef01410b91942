"""Objects of the Kubernetes API as a result: YAML for a file or for kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dclab.cli.result import Result

if TYPE_CHECKING:
    from dclab.manifests import Manifest

__all__ = ["Objects"]


@dataclass(frozen=True, kw_only=True)
class Objects(Result):
    """Objects, in the order in which they are to be applied."""

    objects: Sequence[Manifest]

    def text(self) -> Iterator[str]:
        """YAML documents."""
        import yaml

        # A copy by way of JSON shares no parts, which YAML would write as references.
        plain = json.loads(json.dumps(self.objects))
        yield yaml.safe_dump_all(plain, sort_keys=False, width=120).rstrip("\n")
