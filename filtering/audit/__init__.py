"""How right a whole filtering run is, by a sample of its verdicts that a person judges."""
