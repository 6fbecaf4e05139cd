//! How much may wait to be sent before a protocol is told to write no more for now.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The limits of a transport's buffer, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WaterMarks {
    /// Above it the protocol is told to pause.
    pub(crate) high: usize,
    /// Down here it is told to go on.
    pub(crate) low: usize,
}

/// asyncio's own.
const HIGH: usize = 64 * 1024;

impl Default for WaterMarks {
    fn default() -> Self {
        Self {
            high: HIGH,
            low: HIGH / 4,
        }
    }
}

impl WaterMarks {
    /// As `asyncio.WriteTransport.set_write_buffer_limits` takes them.
    ///
    /// # Errors
    /// `ValueError` where the lower one is above the higher, or below zero.
    pub(crate) fn new(high: Option<isize>, low: Option<isize>) -> PyResult<Self> {
        let high = high.unwrap_or_else(|| low.map_or(HIGH as isize, |low| low.saturating_mul(4)));
        let low = low.unwrap_or(high / 4);
        match (usize::try_from(high), usize::try_from(low)) {
            (Ok(above), Ok(below)) if below <= above => Ok(Self {
                high: above,
                low: below,
            }),
            _ => Err(PyValueError::new_err(format!(
                "high ({high}) must be >= low ({low}) must be >= 0"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_follows_from_the_other() {
        let marks = |high, low| {
            let marks = WaterMarks::new(high, low).unwrap();
            (marks.high, marks.low)
        };
        assert_eq!(marks(None, None), (65536, 16384));
        assert_eq!(marks(Some(100), None), (100, 25));
        assert_eq!(marks(None, Some(100)), (400, 100));
        assert_eq!(marks(Some(0), Some(0)), (0, 0));
    }

    #[test]
    fn limits_the_wrong_way_round_are_refused() {
        for (high, low) in [(Some(1), Some(2)), (Some(-1), None), (None, Some(-1))] {
            assert!(WaterMarks::new(high, low).is_err());
        }
    }
}
