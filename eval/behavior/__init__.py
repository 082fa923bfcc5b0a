"""What a model does when it writes: in which language and script, whether it stops, whether it is safe."""
