"""Teachers: models behind an OpenAI-compatible endpoint, and a provider's batch files."""
