"""The commands of `vocab-extension`, one file each."""
