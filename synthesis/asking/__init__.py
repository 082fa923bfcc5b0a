"""Asking: many requests at a time, as many as the server bears, never beyond a ceiling, each answered once."""
