//! What the application returned, block by block, to its answer.
//!
//! PEP 3333, "Buffering and Streaming" and "Handling the `Content-Length`
//! Header". Whatever happens, an iterable that has `close()` is closed, once.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::types::PyList;
use pyo3::types::PyTuple;
use rgunicorn_core::exchange::Part;

use crate::file_wrapper::FileWrapper;
use crate::promptness::Promptness;
use crate::reply::Reply;

/// Sends all of `result` and closes it.
///
/// # Errors
/// What the application raises, or is told about its answer. An error of
/// `close()` is returned only where there is no earlier one.
pub(crate) fn respond(
    reply: &Reply,
    result: &Bound<'_, PyAny>,
    files: Files,
    promptness: &Promptness,
) -> PyResult<()> {
    let mut end = None;
    let sent = send(reply, result, files, || {
        end.get_or_insert_with(|| promptness.watch());
        promptness.is_called_for()
    });
    let closed = close(result);
    drop(end);
    sent.and(closed)
}

/// Whether files are handed to the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Files {
    /// They are, where they are real.
    Sent,
    /// They are read.
    Read,
}

/// `is_urgent` is asked once all that the head promised was given.
fn send(
    reply: &Reply,
    result: &Bound<'_, PyAny>,
    files: Files,
    mut is_urgent: impl FnMut() -> bool,
) -> PyResult<()> {
    if let Ok(list) = result.cast_exact::<PyList>() {
        return send_all(reply, list.as_any(), list.len());
    }
    if let Ok(tuple) = result.cast_exact::<PyTuple>() {
        return send_all(reply, tuple.as_any(), tuple.len());
    }
    if files == Files::Sent
        && let Ok(wrapper) = result.cast_exact::<FileWrapper>()
        && let Some(range) = wrapper.get().range(result.py())
    {
        return reply.file(range);
    }
    for block in result.try_iter()? {
        reply.data(&block?, Part::More)?;
        // Each block goes out before the next is asked for. Only where nothing can
        // follow it may it wait for its connection's turn.
        if !reply.is_satisfied() || is_urgent() {
            reply.flush(result.py())?;
        }
    }
    reply.data(PyBytes::new(result.py(), b"").as_any(), Part::Last)?;
    // The end of a body whose length nobody knew.
    if is_urgent() {
        reply.flush(result.py())?;
    }
    Ok(())
}

/// What is all there needs no waiting between its blocks; one block tells its
/// length.
fn send_all(reply: &Reply, blocks: &Bound<'_, PyAny>, count: usize) -> PyResult<()> {
    for index in 0..count {
        let last = index + 1 == count;
        let part = if last { Part::Last } else { Part::More };
        reply.data(&blocks.get_item(index)?, part)?;
    }
    if count == 0 {
        reply.data(PyBytes::new(blocks.py(), b"").as_any(), Part::Last)?;
    }
    Ok(())
}

/// Closes it, if it can be.
pub(crate) fn close(result: &Bound<'_, PyAny>) -> PyResult<()> {
    if result.is_exact_instance_of::<PyList>() || result.is_exact_instance_of::<PyTuple>() {
        return Ok(());
    }
    let close = intern!(result.py(), "close");
    match result.getattr_opt(close)? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}
