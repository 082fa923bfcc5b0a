"""What the license of a teacher allows for the student that learns from its answers."""
