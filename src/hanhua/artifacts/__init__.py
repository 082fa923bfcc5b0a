"""Finished work on disk: folders with a manifest, written last and checked by content hash."""

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.artifacts.manifest import Artifact, open_artifact, write_manifest

__all__ = ["Artifact", "fingerprint", "open_artifact", "write_manifest"]
