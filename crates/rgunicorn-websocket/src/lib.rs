//! WebSocket sessions over an upgraded connection. Knows no Python.
#![forbid(unsafe_code)]
