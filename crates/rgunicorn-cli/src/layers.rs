//! Where settings come from, and which source wins.
//!
//! Defaults, then what stands in their place in the environment ($PORT, $WEB_CONCURRENCY), a
//! Paste file, the configuration file, $GUNICORN_CMD_ARGS, the variables RGUNICORN_*, the command
//! line: later ones win. figment keeps for each value the source it came from, which is what an
//! error message needs most.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use figment::Figment;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::args::Given;
use crate::config_file::ConfigFile;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::paste_file;
use crate::said;
use crate::said::Said;
use crate::settings::SPECS;
use crate::variables;

const COMMAND_LINE: &str = "on the command line";
const VARIABLE: &str = "GUNICORN_CMD_ARGS";
const DEFAULT_FILES: [&str; 3] = ["gunicorn.conf.py", "rgunicorn.conf.py", "rgunicorn.toml"];

/// What the source of a value is called that nobody gave.
pub(crate) const DEFAULTS: &str = "the defaults";

/// All layers, merged, and what should be said about them.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) figment: Figment,
    /// What the configuration file says that is no text.
    pub(crate) objects: Objects,
    pub(crate) warnings: Vec<String>,
}

impl Layers {
    /// Reads every source. The current directory must be the one the command was started in.
    pub(crate) fn read(py: Python<'_>, argv: &[OsString]) -> Result<Self, Failure> {
        let flags = Given::parse(argv.iter().cloned())?;
        let more_flags =
            Given::parse(words_of_the_environment(py)?).map_err(Failure::UsageInVariable)?;
        let mut upper = more_flags.said(&format!("in {VARIABLE}"))?;
        upper.extend(variables::read(py)?);
        upper.extend(flags.said(COMMAND_LINE)?);
        let mut paste = of_paste_file(py, &upper)?;
        let named = named(&upper, "config").or_else(|| named(&paste, "config"));
        let file = match named.or_else(default_file) {
            Some(file) => ConfigFile::read(py, &file)?,
            None => ConfigFile::default(),
        };
        upper.splice(0..0, file.said);
        if paste.is_empty() {
            // The configuration file may name it too.
            paste = of_paste_file(py, &upper)?;
        }
        let mut all = defaults()?;
        all.extend(variables::in_place_of_defaults()?);
        all.extend(paste);
        all.extend(upper);
        let mut layers = Self::merged(all);
        layers.warnings = file.warnings;
        Ok(layers)
    }

    /// Lets the last word on each setting count.
    fn merged(all: Vec<Said>) -> Self {
        let (mut figment, mut objects) = (Figment::new(), Objects::default());
        for mut said in all {
            objects.set(said.spec.name, said.object.take());
            figment = figment.merge(said);
        }
        Self {
            figment,
            objects,
            warnings: Vec::new(),
        }
    }
}

impl Layers {
    /// What a program gives, over the configuration file that it names, if it does.
    pub(crate) fn of_program(given: &Bound<'_, PyDict>) -> Result<Self, Failure> {
        let py = given.py();
        let named = given.get_item("config")?.filter(|file| !file.is_none());
        let file = match named {
            Some(file) => ConfigFile::read(py, &file.extract::<String>()?)?,
            None => ConfigFile::default(),
        };
        let program = ConfigFile::of_program(given)?;
        let mut upper = file.said;
        upper.extend(program.said);
        let mut all = defaults()?;
        all.extend(variables::in_place_of_defaults()?);
        all.extend(of_paste_file(py, &upper)?);
        all.extend(upper);
        let mut layers = Self::merged(all);
        layers.warnings = [file.warnings, program.warnings].concat();
        Ok(layers)
    }
}

fn defaults() -> Result<Vec<Said>, Failure> {
    let given = |text: &str| vec![text.to_owned()];
    let mut said = Vec::new();
    for spec in SPECS {
        if let Some(text) = spec.default {
            said.push(Said::from_texts(spec, &given(text), DEFAULTS.to_owned())?);
        }
    }
    Ok(said)
}

/// What the Paste file says that `said` names, if it names one.
fn of_paste_file(py: Python<'_>, said: &[Said]) -> Result<Vec<Said>, Failure> {
    let Some(paste) = said::last(said, "paste") else {
        return Ok(Vec::new());
    };
    let variables = said::last(said, "raw_paste_global_conf").map(Said::texts);
    paste_file::read(py, paste, &variables.unwrap_or_default())
}

/// The text that was given last for a setting.
fn named(said: &[Said], setting: &str) -> Option<String> {
    said::last(said, setting)?.texts().pop()
}

fn default_file() -> Option<String> {
    DEFAULT_FILES
        .iter()
        .find(|name| Path::new(name).exists())
        .map(|name| format!("./{name}"))
}

/// The words of $GUNICORN_CMD_ARGS as a command line, split as a shell would.
fn words_of_the_environment(py: Python<'_>) -> Result<Vec<OsString>, Failure> {
    let mut words = vec![OsString::from(VARIABLE)];
    if let Some(text) = env::var_os(VARIABLE) {
        let split = py.import("shlex")?.call_method1("split", (text.clone(),));
        let split = split.and_then(|words| words.extract::<Vec<OsString>>());
        words.extend(split.map_err(|error| {
            Failure::Config(format!("{VARIABLE} = {text:?}: {}", error.value(py)))
        })?);
    }
    Ok(words)
}
