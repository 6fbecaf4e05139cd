//! The settings about the application, checked: what it is, how it is found and called, and what
//! it finds in its environment.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use super::Checked;
use super::check;
use crate::failure::Failure;
use crate::interface::Interface;
use crate::interface::Kind;

/// How the application is found.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As the user wrote it: `MODULE[:NAME]`, or the Paste file.
    pub(crate) target: String,
    pub(crate) made_by: Maker,
    /// Where modules are looked for, besides the current directory. The last one comes first.
    pub(crate) python_path: Vec<PathBuf>,
    /// What it finds in its environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Whether every line that runs is printed.
    pub(crate) spew: bool,
}

/// What makes an application of a target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Maker {
    /// It is there once the module is imported.
    Module,
    /// A function of the module.
    Factory,
    /// PasteDeploy, with these variables.
    Paste(Vec<(String, String)>),
}

impl Checked<'_> {
    pub(super) fn source(&self, directory: &Path) -> Result<Source, Failure> {
        let settings = &self.settings;
        let paths = settings.pythonpath.iter().flat_map(|text| text.split(','));
        let paste = settings.paste.as_ref().filter(|uri| !uri.is_empty());
        let (target, made_by) = match paste {
            Some(uri) => (
                self.paste_target(uri)?,
                Maker::Paste(self.paste_variables()?),
            ),
            None if settings.factory => (self.module()?, Maker::Factory),
            None => (self.module()?, Maker::Module),
        };
        Ok(Source {
            target,
            made_by,
            python_path: paths
                .map(str::trim)
                .filter(|path| !path.is_empty())
                .map(|path| directory.join(path))
                .collect(),
            environment: self.environment(directory)?,
            spew: settings.spew,
        })
    }

    fn module(&self) -> Result<String, Failure> {
        let app = self.settings.wsgi_app.clone().filter(|app| !app.is_empty());
        app.ok_or_else(|| {
            Failure::Config(
                "no application was named: pass MODULE:NAME, as in myapp:app".to_owned(),
            )
        })
    }

    /// The file with its whole path: the directory may change before it is loaded.
    fn paste_target(&self, uri: &str) -> Result<String, Failure> {
        let here = env::current_dir()?;
        let path = here.join(uri).into_os_string().into_string();
        path.map_err(|_| self.wrong("paste", uri, "the path must be UTF-8"))
    }

    fn paste_variables(&self) -> Result<Vec<(String, String)>, Failure> {
        self.pairs(
            "raw_paste_global_conf",
            &self.settings.raw_paste_global_conf,
        )
    }

    /// gunicorn's `$SERVER_SOFTWARE`, what `env_file` has and the environment has not, `raw_env`.
    fn environment(&self, directory: &Path) -> Result<Vec<(String, String)>, Failure> {
        let software = concat!("rgunicorn/", env!("CARGO_PKG_VERSION"));
        let mut variables = vec![("SERVER_SOFTWARE".to_owned(), software.to_owned())];
        if let Some(named) = self
            .settings
            .env_file
            .as_ref()
            .filter(|path| !path.is_empty())
        {
            let wrong = |error: dotenvy::Error| self.wrong("env_file", named, &error.to_string());
            for variable in dotenvy::from_path_iter(directory.join(named)).map_err(wrong)? {
                let (name, text) = variable.map_err(wrong)?;
                if env::var_os(&name).is_none() {
                    variables.push((name, text));
                }
            }
        }
        variables.extend(self.pairs("raw_env", &self.settings.raw_env)?);
        Ok(variables)
    }

    fn pairs(&self, setting: &str, texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
        let pair = |text: &String| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(self.wrong(setting, text, "must be NAME=VALUE")),
        };
        texts.iter().map(pair).collect()
    }

    /// How the application is called, or `None` where it has to be looked at, and by how many
    /// threads.
    pub(super) fn worker(&mut self) -> Result<(Option<Interface>, usize), Failure> {
        let settings = &self.settings;
        let threads = self.count("threads", settings.threads, 1..=check::MOST_WORKERS)?;
        let wanted = self.one_of("interface", &settings.interface, &INTERFACES)?;
        let class = &settings.worker_class;
        if class.eq_ignore_ascii_case("auto") || !self.was_given("worker_class") {
            let interface = wanted.map(|wanted| match wanted {
                Spoken::Asgi => Interface::Asgi,
                Spoken::Wsgi => Interface::wsgi(threads),
            });
            return Ok((interface, threads));
        }
        let kind = Kind::of(class, threads)
            .map_err(|problem| self.wrong("worker_class", class, problem))?;
        let is_asgi = kind.interface == Interface::Asgi;
        if wanted.is_some_and(|wanted| (wanted == Spoken::Asgi) != is_asgi) {
            let problem = format!("contradicts worker_class = '{class}'");
            return Err(self.wrong("interface", &settings.interface, &problem));
        }
        self.warnings.extend(kind.warning);
        Ok((Some(kind.interface), kind.threads))
    }
}

/// What an application speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spoken {
    Asgi,
    Wsgi,
}

const INTERFACES: [(&str, Option<Spoken>); 5] = [
    ("auto", None),
    ("asgi", Some(Spoken::Asgi)),
    ("wsgi", Some(Spoken::Wsgi)),
    // As uvicorn calls them.
    ("asgi3", Some(Spoken::Asgi)),
    ("asgi2", Some(Spoken::Asgi)),
];
