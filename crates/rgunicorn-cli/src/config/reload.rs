//! The settings about reloading when code changes, checked.

use super::Checked;
use crate::failure::Failure;

/// How a worker finds out that its code changed.
#[derive(Clone, Debug)]
pub(crate) struct Reload {
    pub(crate) engine: Engine,
    /// Files, and patterns of files, that count as code.
    pub(crate) extra: Vec<String>,
    /// Directories with all below them in which the files of `includes` count as code.
    pub(crate) trees: Vec<String>,
    /// Patterns of the names of files.
    pub(crate) includes: Vec<String>,
    /// Patterns of names and paths that do not count.
    pub(crate) excludes: Vec<String>,
}

/// What wakes the one who looks for changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Engine {
    /// The kernel, or the clock where the kernel cannot.
    Auto,
    /// The kernel.
    Inotify,
    /// The clock.
    Poll,
}

impl Checked<'_> {
    /// How to reload, if that is wanted.
    pub(super) fn reload(&mut self) -> Result<Option<Reload>, Failure> {
        let settings = &self.settings;
        let engine = self.one_of("reload_engine", &settings.reload_engine, &ENGINES)?;
        if !settings.reload {
            return Ok(None);
        }
        self.warnings.push(WARNING.to_owned());
        if settings.preload_app {
            self.warnings.push(NO_PRELOAD.to_owned());
        }
        Ok(Some(Reload {
            engine,
            extra: filled(&settings.reload_extra_files),
            trees: filled(&settings.reload_dirs),
            includes: with(&["*.py"], &settings.reload_includes),
            excludes: with(&EXCLUDED, &settings.reload_excludes),
        }))
    }
}

/// The entries that say something: the default is one that does not.
fn filled(entries: &[String]) -> Vec<String> {
    let filled = entries.iter().filter(|entry| !entry.is_empty());
    filled.cloned().collect()
}

fn with(usual: &[&str], more: &[String]) -> Vec<String> {
    let usual = usual.iter().map(|&pattern| pattern.to_owned());
    usual.chain(filled(more)).collect()
}

/// gunicorn's words.
const WARNING: &str = "Reloader is on. Use in development only!";
const NO_PRELOAD: &str = "preload_app has no effect with reload: workers load the application, so that they get what changed.";

/// Hidden files and directories (`.git`, `.venv`), what Python and editors write, and what is
/// large and not Python.
const EXCLUDED: [&str; 8] = [
    ".*",
    "__pycache__",
    "node_modules",
    "*.py[cod]",
    "*.sw?",
    "*~",
    "~*",
    "#*#",
];

const ENGINES: [(&str, Engine); 3] = [
    ("auto", Engine::Auto),
    ("inotify", Engine::Inotify),
    ("poll", Engine::Poll),
];
