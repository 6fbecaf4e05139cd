//! The user and the group that workers run as, and the files that must be theirs.

use std::ffi::CString;
use std::io;
use std::path::Path;

use nix::unistd;
use nix::unistd::Gid;
use nix::unistd::Group;
use nix::unistd::Uid;
use nix::unistd::User;

/// Who workers are. Nobody named is who the master is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Owner {
    pub(crate) user: Option<Uid>,
    pub(crate) group: Option<Gid>,
    pub(crate) groups: Groups,
}

/// Which other groups a worker belongs to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Groups {
    /// Those of the master.
    #[default]
    Masters,
    /// All that its user is a member of.
    Users,
}

impl Owner {
    /// Makes this process the owner's, for good. What only root can do must be done before.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        if let Some(name) = self.member() {
            let group = self.group.unwrap_or_else(unistd::getegid);
            unistd::initgroups(&name, group)?;
        }
        if let Some(group) = self.group.filter(|&group| group != unistd::getegid()) {
            unistd::setgid(group)?;
        }
        if let Some(user) = self.user.filter(|&user| user != unistd::geteuid()) {
            unistd::setuid(user)?;
        }
        Ok(())
    }

    /// Gives a file to the owner, as far as this process may.
    pub(crate) fn give(&self, file: &Path) -> io::Result<()> {
        Ok(unistd::chown(file, self.user, self.group)?)
    }

    /// The name whose groups are to be taken. A user without a name has none.
    fn member(&self) -> Option<CString> {
        if self.groups == Groups::Masters {
            return None;
        }
        let user = self.user.unwrap_or_else(unistd::geteuid);
        let named = User::from_uid(user).ok().flatten()?;
        CString::new(named.name).ok()
    }
}

/// A user by name or number. `None` if there is no such name.
pub(crate) fn user(text: &str) -> Option<Uid> {
    let number = text.parse().ok().map(Uid::from_raw);
    number.or_else(|| Some(User::from_name(text).ok().flatten()?.uid))
}

/// A group by name or number. `None` if there is no such name.
pub(crate) fn group(text: &str) -> Option<Gid> {
    let number = text.parse().ok().map(Gid::from_raw);
    number.or_else(|| Some(Group::from_name(text).ok().flatten()?.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_known_by_name_and_by_number() {
        assert_eq!(user("root"), Some(Uid::from_raw(0)));
        assert_eq!(user("4711"), Some(Uid::from_raw(4711)));
        assert_eq!(user("nobody-has-this-name"), None);
        assert_eq!(group("root"), Some(Gid::from_raw(0)));
        assert_eq!(group("4711"), Some(Gid::from_raw(4711)));
        assert_eq!(group("-1"), None);
    }
}
