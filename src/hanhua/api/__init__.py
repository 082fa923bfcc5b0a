"""What a notebook calls: the commands as functions, paths in and plain results out. `import hanhua` shows them all.

Each does what the command of its name does, with the same checks before anything expensive, and raises the errors of
`hanhua.errors` where the command would end with a message. `settings` are the keys of the stage's section in a recipe.
"""
