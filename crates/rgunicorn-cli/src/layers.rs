//! Where settings come from, and which source wins.
//!
//! Defaults, then the environment's old habits ($PORT, $WEB_CONCURRENCY), the configuration
//! file, $GUNICORN_CMD_ARGS, the command line: later ones win. figment keeps for each value the
//! source it came from, which is what an error message needs most.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use figment::Error;
use figment::Figment;
use figment::Metadata;
use figment::Profile;
use figment::Provider;
use figment::value::Dict;
use figment::value::Map;
use pyo3::prelude::*;

use crate::args::Given;
use crate::config_file::ConfigFile;
use crate::failure::Failure;
use crate::failure::WrongValue;
use crate::objects::Objects;
use crate::settings::SPECS;
use crate::settings::Spec;
use crate::value;

const COMMAND_LINE: &str = "the command line";
const VARIABLE: &str = "GUNICORN_CMD_ARGS";
const DEFAULT_FILES: [&str; 2] = ["gunicorn.conf.py", "rgunicorn.conf.py"];

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
        let named = flags.last("config").or(more_flags.last("config"));
        let file = match named.map(str::to_owned).or_else(default_file) {
            Some(file) => ConfigFile::run(py, &file)?,
            None => ConfigFile::default(),
        };
        let figment = Figment::new()
            .merge(Layer::of_defaults()?)
            .merge(Layer::of_variable("PORT", "bind", "0.0.0.0:")?)
            .merge(Layer::of_variable("WEB_CONCURRENCY", "workers", "")?)
            .merge(Layer::of_trusted_proxies()?)
            .merge(Layer::new(file.source.clone(), file.values))
            .merge(Layer::of_flags(VARIABLE, &more_flags)?)
            .merge(Layer::of_flags(COMMAND_LINE, &flags)?);
        let mut objects = file.objects;
        objects.retain(|setting| {
            let source = figment.find_metadata(setting);
            source.is_some_and(|source| source.name == file.source)
        });
        Ok(Self {
            figment,
            objects,
            warnings: file.warnings,
        })
    }
}

/// What the source of a value is called that nobody gave.
pub(crate) const DEFAULTS: &str = "the defaults";

/// One source of settings, in figment's terms.
struct Layer {
    source: String,
    values: Dict,
}

impl Layer {
    fn new(source: String, values: Dict) -> Self {
        Self { source, values }
    }

    fn of_defaults() -> Result<Self, Failure> {
        let mut values = Dict::new();
        for spec in SPECS {
            if let Some(text) = spec.default {
                insert(&mut values, spec, &[text.to_owned()], DEFAULTS)?;
            }
        }
        Ok(Self::new(DEFAULTS.to_owned(), values))
    }

    /// One of the environment's variables that stand for a single setting.
    fn of_variable(variable: &str, setting: &str, prefix: &str) -> Result<Self, Failure> {
        let source = format!("${variable}");
        let mut values = Dict::new();
        let text = env::var(variable).unwrap_or_default();
        if let (false, Some(spec)) = (text.is_empty(), Spec::named(setting)) {
            insert(&mut values, spec, &[format!("{prefix}{text}")], &source)?;
        }
        Ok(Self::new(source, values))
    }

    /// $FORWARDED_ALLOW_IPS. Empty, it says something too: nobody is trusted.
    fn of_trusted_proxies() -> Result<Self, Failure> {
        let (setting, source) = ("forwarded_allow_ips", "$FORWARDED_ALLOW_IPS".to_owned());
        let mut values = Dict::new();
        if let (Ok(text), Some(spec)) = (env::var("FORWARDED_ALLOW_IPS"), Spec::named(setting)) {
            insert(&mut values, spec, &[text], &source)?;
        }
        Ok(Self::new(source, values))
    }

    fn of_flags(source: &str, given: &Given) -> Result<Self, Failure> {
        let mut values = Dict::new();
        for (spec, texts) in &given.0 {
            insert(&mut values, spec, texts, source)?;
        }
        Ok(Self::new(source.to_owned(), values))
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Converts the texts given for one setting; several of them are a list.
fn insert(
    values: &mut Dict,
    spec: &'static Spec,
    texts: &[String],
    source: &str,
) -> Result<(), Failure> {
    let value = match texts {
        [text] => value::from_text(spec.kind, text),
        several => Some(several.to_vec().into()),
    };
    let value = value.ok_or_else(|| wrong(spec, &texts.join(" "), source, &spec.kind.must_be()))?;
    values.insert(spec.name.to_owned(), value);
    Ok(())
}

/// Says that a setting has a value it cannot have, and where that was said.
pub(crate) fn wrong(spec: &Spec, value: &str, source: &str, problem: &str) -> WrongValue {
    let origin = match (spec.flag(), source) {
        (Some(flag), COMMAND_LINE) => format!("{flag} on {source}"),
        (Some(flag), VARIABLE) => format!("{flag} in {source}"),
        _ => source.to_owned(),
    };
    WrongValue {
        setting: spec.name,
        value: format!("'{value}'"),
        origin,
        problem: problem.to_owned(),
    }
}

fn default_file() -> Option<String> {
    DEFAULT_FILES
        .iter()
        .find(|name| PathBuf::from(name).exists())
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
