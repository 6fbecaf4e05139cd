//! The settings about processes as the system sees them, checked.

use std::num::NonZeroU64;

use nix::sys::stat::Mode;

use super::Checked;
use crate::failure::Failure;
use crate::owner;
use crate::owner::Groups;
use crate::owner::Owner;
use crate::value;

/// How the master and the workers appear to the system.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) background: Background,
    pub(crate) owner: Owner,
    /// For the files of unix sockets.
    pub(crate) umask: Mode,
    /// What process titles call the server.
    pub(crate) name: String,
    /// The memory, in bytes, at which a worker is to be replaced.
    pub(crate) max_rss: Option<NonZeroU64>,
    /// Whether each worker has listening sockets of its own.
    pub(crate) reuse_port: bool,
}

/// Whether the server goes into the background, and what it keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Background {
    /// It stays in the foreground.
    No,
    /// It goes, and keeps nothing of its terminal.
    Silent,
    /// It goes, and keeps standard output and error if they are no terminal.
    KeepsOutput,
}

impl Checked<'_> {
    pub(super) fn process(&self) -> Result<Process, Failure> {
        let settings = &self.settings;
        Ok(Process {
            background: match (settings.daemon, settings.enable_stdio_inheritance) {
                (false, _) => Background::No,
                (true, false) => Background::Silent,
                (true, true) => Background::KeepsOutput,
            },
            owner: self.owner()?,
            umask: Mode::from_bits_truncate(self.count("umask", settings.umask, 0..=0o777)?),
            name: self.process_name(),
            max_rss: value::size(&settings.max_rss).and_then(NonZeroU64::new),
            reuse_port: settings.reuse_port,
        })
    }

    fn owner(&self) -> Result<Owner, Failure> {
        let settings = &self.settings;
        let user = self.account("user", &settings.user, owner::user)?;
        let group = self.account("group", &settings.group, owner::group)?;
        let groups = if settings.initgroups {
            Groups::Users
        } else {
            Groups::Masters
        };
        Ok(Owner {
            user,
            group,
            groups,
        })
    }

    fn account<T>(
        &self,
        setting: &str,
        value: &Option<String>,
        find: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = value.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        // gunicorn's words, behind ours.
        let unknown = || self.wrong(setting, text, &format!("No such {setting}: '{text}'"));
        find(text).map(Some).ok_or_else(unknown)
    }

    /// What the server is called, in process titles and elsewhere.
    pub(super) fn process_name(&self) -> String {
        let settings = &self.settings;
        let named = settings.proc_name.clone().filter(|name| !name.is_empty());
        let by_default = || match self.was_given("default_proc_name") {
            true => settings.default_proc_name.clone(),
            false => settings.wsgi_app.clone().unwrap_or_default(),
        };
        named.unwrap_or_else(by_default)
    }
}
