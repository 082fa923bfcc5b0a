"""What a teacher is asked for: one YAML file per form, for several audiences and three ways of writing Chinese."""
