"""From a recipe file to a typed recipe, with the place of every value and every mistake at once."""
