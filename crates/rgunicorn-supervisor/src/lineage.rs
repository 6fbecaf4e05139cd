//! The masters before and after this one, while an upgrade is under way (USR2).
//!
//! Pure: it is told what happened, and says what that means. At most two masters exist at a time.

use std::time::Duration;

use nix::unistd::Pid;

/// How often to look whether the old master is gone: nothing says so by itself.
const LOOK: Duration = Duration::from_millis(250);

/// Where this master stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lineage {
    /// The only one.
    Alone,
    /// The new one; its parent is still there.
    After { predecessor: Pid },
    /// The old one; it has started another.
    Before { successor: Pid },
}

impl Lineage {
    /// At the start, with the pid of the master that this one is to replace.
    pub(crate) fn new(predecessor: Option<i32>) -> Self {
        predecessor.map_or(Self::Alone, |pid| Self::After {
            predecessor: Pid::from_raw(pid),
        })
    }

    /// Why no other master can be started now.
    pub(crate) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Alone => None,
            Self::After { .. } => Some("Parent exists."),
            Self::Before { .. } => Some("Child exists."),
        }
    }

    /// What the log calls this master.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alone | Self::Before { .. } => "Master",
            Self::After { .. } => "Master.2",
        }
    }

    /// The new master, if this is the old one.
    pub(crate) fn successor(self) -> Option<Pid> {
        match self {
            Self::Before { successor } => Some(successor),
            Self::Alone | Self::After { .. } => None,
        }
    }

    /// A child ended. Whether that was the new master.
    pub(crate) fn loses(&mut self, child: Pid) -> bool {
        let was_successor = self.successor() == Some(child);
        if was_successor {
            *self = Self::Alone;
        }
        was_successor
    }

    /// `parent` is the parent of this process now. Whether that makes it the only master.
    pub(crate) fn is_promoted(&mut self, parent: Pid) -> bool {
        match *self {
            Self::After { predecessor } if predecessor != parent => {
                *self = Self::Alone;
                true
            }
            _ => false,
        }
    }

    /// When to ask for the parent again.
    pub(crate) fn next_look(self) -> Option<Duration> {
        matches!(self, Self::After { .. }).then_some(LOOK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_master_starts_no_second_one_until_the_new_one_is_gone() {
        let new = Pid::from_raw(8);
        let mut old = Lineage::new(None);
        assert_eq!(old.refusal(), None);
        old = Lineage::Before { successor: new };
        assert_eq!(old.refusal(), Some("Child exists."));
        assert!(!old.loses(Pid::from_raw(9)), "some worker");
        assert!(old.loses(new));
        assert_eq!((old, old.refusal()), (Lineage::Alone, None));
    }

    #[test]
    fn a_new_master_is_promoted_once_when_its_parent_changes() {
        let mut new = Lineage::new(Some(7));
        assert_eq!(new.refusal(), Some("Parent exists."));
        assert_eq!(new.name(), "Master.2");
        assert!(!new.is_promoted(Pid::from_raw(7)));
        assert!(new.is_promoted(Pid::from_raw(1)));
        assert!(!new.is_promoted(Pid::from_raw(1)));
        assert_eq!((new.name(), new.next_look()), ("Master", None));
    }
}
