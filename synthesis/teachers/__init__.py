"""Teachers: models behind an OpenAI-compatible endpoint or in vLLM in this process, and a provider's batch files."""
