"""Its being here puts tests/ on the import path: tests share the stand-ins for the outside world (`hub_server`)."""
