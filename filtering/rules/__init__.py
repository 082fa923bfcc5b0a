"""The rules, one small file each: plain functions `document, limits → Verdict`."""
