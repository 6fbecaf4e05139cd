//! ASGI 3: scope, receive, send and lifespan over the core's exchanges.
