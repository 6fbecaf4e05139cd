//! The user and the group that workers run as, and the files that must be theirs.

use std::ffi::CString;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::fcntl::readlinkat;
use nix::libc;
use nix::sys::statfs::PROC_SUPER_MAGIC;
use nix::sys::statfs::fstatfs;
use nix::unistd;
use nix::unistd::Gid;
use nix::unistd::Group;
use nix::unistd::Uid;
use nix::unistd::User;

/// How many symbolic links are followed.
const LINKS: usize = 8;

/// In the mode of a file.
const WRITABLE_BY_ALL: u32 = 0o002;

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

    /// Gives a file to the owner, as far as this process may. A device that everybody may write to
    /// stays as it is.
    ///
    /// # Errors
    /// What the system says, or why the file may not be the one that was meant: whoever can write
    /// to its folder may have put a link to another in its place.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        if self.user.is_none() && self.group.is_none() {
            return Ok(());
        }
        let file = find(path)?;
        let found = file.metadata()?;
        if found.is_file() && found.nlink() > 1 {
            return Err(io::Error::other("it has other names too"));
        }
        if found.file_type().is_char_device() && found.mode() & WRITABLE_BY_ALL != 0 {
            return Ok(());
        }
        let itself = AtFlags::AT_EMPTY_PATH;
        Ok(unistd::fchownat(&file, "", self.user, self.group, itself)?)
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

/// The file at `path`, to ask about and to change the owner of. Follows the symbolic links of this
/// process's user only: those of others may lead anywhere.
fn find(path: &Path) -> io::Result<File> {
    let open = |path: &Path, flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let place = open(&path, libc::O_PATH | libc::O_NOFOLLOW)?;
        let found = place.metadata()?;
        if !found.is_symlink() {
            return Ok(place);
        }
        if found.uid() != unistd::geteuid().as_raw() {
            return Err(io::Error::other("it is a symbolic link of somebody else's"));
        }
        if fstatfs(&place)?.filesystem_type() == PROC_SUPER_MAGIC {
            // Such as /proc/self/fd/1: its text says what it leads to, not where.
            return open(&path, libc::O_PATH);
        }
        let target = readlinkat(&place, "")?;
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("too many symbolic links"))
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
