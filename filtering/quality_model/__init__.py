"""A trained quality score: what documents of one's own choice look like, against those one would not train on."""
