"""A configuration as a module: `-c python:settings_module`."""

access_log_format = "from a module"
