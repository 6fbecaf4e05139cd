//! HTTP for a Python application server: sockets, parsing, exchanges, limits, drain. Knows no Python.
