//! A request body kept until all of it is there, for an application that
//! cannot wait for it.
//!
//! Small ones stay in memory. A large one goes to a file without a name, so
//! that it costs no memory and leaves nothing behind, whatever happens.

use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::path::Path;

/// All of a body.
#[derive(Debug)]
pub enum Spooled {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file, from its beginning.
    File(File),
}

/// The part of a body that has arrived.
#[derive(Debug, Default)]
pub(crate) struct Spool(Option<File>);

impl Spool {
    /// Takes bytes out of memory, into a file in `directory`.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub(crate) fn put_away(&mut self, data: &mut Vec<u8>, directory: &Path) -> io::Result<()> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(directory)?),
        };
        file.write_all(data)?;
        data.clear();
        Ok(())
    }

    /// The whole body: what was put away, and the rest in `data`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(&mut self, data: &mut Vec<u8>) -> io::Result<Spooled> {
        let Some(mut file) = self.0.take() else {
            return Ok(Spooled::Memory(std::mem::take(data)));
        };
        file.write_all(data)?;
        data.clear();
        file.rewind()?;
        Ok(Spooled::File(file))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_small_body_stays_in_memory() {
        let mut data = b"small".to_vec();
        let Ok(Spooled::Memory(body)) = Spool::default().finish(&mut data) else {
            panic!("it is in a file");
        };
        assert_eq!(body, b"small");
    }

    #[test]
    fn a_large_body_is_whole_in_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::default();
        for part in [&b"one "[..], b"two "] {
            spool
                .put_away(&mut part.to_vec(), directory.path())
                .unwrap();
        }
        let Ok(Spooled::File(mut file)) = spool.finish(&mut b"three".to_vec()) else {
            panic!("it is in memory");
        };
        let mut body = String::new();
        file.read_to_string(&mut body).unwrap();
        assert_eq!(body, "one two three");
        assert_eq!(
            directory.path().read_dir().unwrap().count(),
            0,
            "it has a name"
        );
    }
}
