//! The rgunicorn command and the Python extension module: settings, logging, master and worker.
