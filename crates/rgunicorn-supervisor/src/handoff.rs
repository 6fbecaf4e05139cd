//! Sockets that were open before this process was: those of systemd, or of the master it replaces.
//!
//! Both are announced in the environment. [`Inheritance::read`] says what the variables mean, and does
//! nothing else; [`Inheritance::take`] takes the descriptors over. Knows nothing of addresses.

use std::collections::BTreeSet;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;

use crate::error::SupervisorError;

/// The variables of both protocols. Who has read them removes them, so that no child does so again.
pub const VARIABLES: [&str; 5] = [
    "GUNICORN_FD",
    "GUNICORN_PID",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// The first descriptor that systemd passes.
const FIRST_PASSED: RawFd = 3;

/// Who opened the sockets that this process listens on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Giver {
    /// Nobody has: they are to be opened.
    Nobody,
    /// The master that this process is to replace.
    Predecessor,
    /// systemd, or whoever speaks its protocol. The sockets stay its own.
    ServiceManager,
}

/// What the environment says about the start of this process.
#[derive(Debug, Eq, PartialEq)]
pub struct Inheritance {
    giver: Giver,
    descriptors: Vec<RawFd>,
    predecessor: Option<i32>,
}

impl Inheritance {
    /// Reads the variables, for the process `pid`. A LISTEN_PID that names another process is none
    /// of our business. systemd's protocol comes first, as in gunicorn: a master that was started by it
    /// passes its sockets on in the same way.
    ///
    /// # Errors
    /// [`SupervisorError::Inheritance`] when a variable does not hold what it should.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        pid: u32,
    ) -> Result<Self, SupervisorError> {
        let predecessor = variable("GUNICORN_PID").map(predecessor).transpose()?;
        let count = match variable("LISTEN_PID") {
            Some(named) if named.trim().parse() == Ok(pid) => {
                passed(variable("LISTEN_FDS").unwrap_or_default())?
            }
            _ => 0,
        };
        if count > 0 {
            return Ok(Self {
                giver: Giver::ServiceManager,
                descriptors: (FIRST_PASSED..).take(count.into()).collect(),
                predecessor,
            });
        }
        let Some(descriptors) = variable("GUNICORN_FD").filter(|_| predecessor.is_some()) else {
            return Ok(Self {
                giver: Giver::Nobody,
                descriptors: Vec::new(),
                predecessor,
            });
        };
        Ok(Self {
            giver: Giver::Predecessor,
            descriptors: numbers(descriptors)?,
            predecessor,
        })
    }

    /// Who opened the sockets.
    #[must_use]
    pub fn giver(&self) -> Giver {
        self.giver
    }

    /// The master that this process is to replace.
    #[must_use]
    pub fn predecessor(&self) -> Option<i32> {
        self.predecessor
    }

    /// Takes the descriptors over, under the numbers that they have.
    ///
    /// # Errors
    /// [`SupervisorError::Inheritance`] when one is not open.
    pub fn take(self) -> Result<Vec<OwnedFd>, SupervisorError> {
        let adopted = self.descriptors.iter().map(|&number| adopt(number));
        adopted.collect()
    }
}

fn predecessor(text: String) -> Result<i32, SupervisorError> {
    let pid = text.trim().parse().ok().filter(|&pid| pid > 0);
    pid.ok_or_else(|| wrong("GUNICORN_PID", text, "must be the number of a process"))
}

fn passed(text: String) -> Result<u16, SupervisorError> {
    let count = text.trim().parse();
    count.map_err(|_| wrong("LISTEN_FDS", text, "must be a number of descriptors"))
}

/// Numbers with commas between them, each once. None at all is fine: then workers open their own.
fn numbers(text: String) -> Result<Vec<RawFd>, SupervisorError> {
    let number = |word: &str| word.trim().parse().ok().filter(|&fd| fd >= FIRST_PASSED);
    let words = text.split(',').filter(|word| !word.trim().is_empty());
    let numbers: Option<Vec<RawFd>> = words.map(number).collect();
    let each_once = |list: &Vec<RawFd>| list.iter().collect::<BTreeSet<_>>().len() == list.len();
    numbers.filter(each_once).ok_or_else(|| {
        let problem = "must be numbers of descriptors, with commas between them";
        wrong("GUNICORN_FD", text, problem)
    })
}

fn wrong(variable: &'static str, value: String, problem: &'static str) -> SupervisorError {
    SupervisorError::Inheritance {
        variable,
        value,
        problem,
    }
}

#[expect(unsafe_code, reason = "both protocols hand over bare numbers")]
fn adopt(number: RawFd) -> Result<OwnedFd, SupervisorError> {
    // SAFETY: F_GETFD takes no pointer and changes nothing, whatever the number is.
    if Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) }).is_err() {
        let variable = "GUNICORN_FD or LISTEN_FDS";
        return Err(wrong(variable, number.to_string(), "is not open"));
    }
    // SAFETY: it is open; the environment says that it was opened for this process to own; and an
    // `Inheritance` has each number once and is consumed by this.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<(Giver, Vec<RawFd>, Option<i32>), String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let read = Inheritance::read(variable, 7);
        read.map(|it| (it.giver, it.descriptors, it.predecessor))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_variables_nothing_is_inherited() {
        assert_eq!(read(&[]), Ok((Giver::Nobody, vec![], None)));
    }

    #[test]
    fn sockets_of_systemd_are_those_from_three_on_if_they_are_for_this_process() {
        let given = [("LISTEN_PID", "7"), ("LISTEN_FDS", "2")];
        assert_eq!(read(&given), Ok((Giver::ServiceManager, vec![3, 4], None)));
        let of_another = [("LISTEN_PID", "8"), ("LISTEN_FDS", "2")];
        assert_eq!(read(&of_another), Ok((Giver::Nobody, vec![], None)));
        let none = [("LISTEN_PID", "7"), ("LISTEN_FDS", "0")];
        assert_eq!(read(&none), Ok((Giver::Nobody, vec![], None)));
    }

    #[test]
    fn a_master_that_systemd_started_passes_its_sockets_on_in_the_same_way() {
        let given = [
            ("LISTEN_PID", "7"),
            ("LISTEN_FDS", "1"),
            ("GUNICORN_PID", "5"),
        ];
        let expected = (Giver::ServiceManager, vec![3], Some(5));
        assert_eq!(read(&given), Ok(expected));
    }

    #[test]
    fn sockets_of_the_old_master_are_named_one_by_one() {
        let given = |fds| read(&[("GUNICORN_PID", "5"), ("GUNICORN_FD", fds)]);
        let expected = |fds| Ok((Giver::Predecessor, fds, Some(5)));
        assert_eq!(given("6,9"), expected(vec![6, 9]));
        assert_eq!(
            given(""),
            expected(vec![]),
            "with reuse_port there are none"
        );
    }

    #[test]
    fn sockets_without_an_old_master_are_nobodys() {
        assert_eq!(
            read(&[("GUNICORN_FD", "6")]),
            Ok((Giver::Nobody, vec![], None))
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let fds = "must be numbers of descriptors, with commas between them";
        let table = [
            ("GUNICORN_FD", "6,x", fds),
            ("GUNICORN_FD", "6,6", fds),
            ("GUNICORN_FD", "1", fds),
            ("GUNICORN_PID", "0", "must be the number of a process"),
            ("LISTEN_FDS", "-1", "must be a number of descriptors"),
        ];
        for (name, value, problem) in table {
            let given = [(name, value), ("GUNICORN_PID", "5"), ("LISTEN_PID", "7")];
            let given = &given[..if name == "LISTEN_FDS" { 3 } else { 2 }];
            let expected = format!("{name} = '{value}' in the environment: {problem}");
            assert_eq!(read(given), Err(expected));
        }
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_an_error_and_not_adopted() {
        let given = Inheritance {
            giver: Giver::Predecessor,
            descriptors: vec![1_000_000],
            predecessor: Some(5),
        };
        let error = given.take().unwrap_err().to_string();
        assert!(error.contains("'1000000'") && error.ends_with("is not open"));
    }
}
