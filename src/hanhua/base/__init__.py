"""Where the model to adapt comes from."""
