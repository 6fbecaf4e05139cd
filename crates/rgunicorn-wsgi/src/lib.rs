//! PEP 3333: environ, start_response and the response iterable over the core's exchanges.
