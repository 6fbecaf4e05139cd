"""Programs that bring their own application and settings: the names that gunicorn has in `gunicorn.app`."""
