"""Chinese personal data: found by form and checksum, masked with typed tags."""

from hanhua.filtering.pii.found import Found
from hanhua.filtering.pii.masking import build_masker, find_pii, mask_pii

__all__ = ["Found", "build_masker", "find_pii", "mask_pii"]
