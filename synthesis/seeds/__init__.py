"""Seeds: which documents of the train split a teacher is given, in sections."""
