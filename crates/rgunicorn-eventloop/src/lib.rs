//! asyncio on the worker's tokio runtime; the only crate that knows both.
