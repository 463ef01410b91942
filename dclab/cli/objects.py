"""Objects of the Kubernetes API as text: YAML for a file or for kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dclab.manifests import Manifest

__all__ = ["yaml_documents"]


def yaml_documents(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield the objects as YAML documents, in the order in which they are to be applied."""
    import yaml

    # A copy by way of JSON shares no parts, which YAML would write as references.
    plain = json.loads(json.dumps(objects))
    yield yaml.safe_dump_all(plain, sort_keys=False, width=120).rstrip("\n")
