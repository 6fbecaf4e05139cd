//! The settings in a Paste ini file: what its `[server:main]` says to gunicorn.

use pyo3::prelude::*;

use crate::args;
use crate::failure::Failure;
use crate::failure::WrongValue;
use crate::said::Said;
use crate::settings;
use crate::settings::Spec;

/// Reads the file that `paste` names, with variables `NAME=TEXT` that its texts may hold.
pub(crate) fn read(
    py: Python<'_>,
    paste: &Said,
    variables: &[String],
) -> Result<Vec<Said>, Failure> {
    let uri = paste.texts().pop().unwrap_or_default();
    if uri.is_empty() {
        return Ok(Vec::new());
    }
    let module = py.import("rgunicorn._paste")?;
    let (path, options) = module
        .call_method1("read", (&uri, variables.to_vec()))
        .and_then(|found| found.extract::<(String, Vec<(String, String, usize)>)>())
        .map_err(|error| {
            let problem = error.value(py).to_string();
            WrongValue::of_text(paste.spec, &uri, &paste.origin, &problem)
        })?;
    let (address, options): (Vec<_>, Vec<_>) = options
        .into_iter()
        .partition(|(name, ..)| name == "host" || name == "port");
    let said = options.into_iter().chain(bind(&address));
    let said = said.map(|(name, text, line)| {
        let origin = format!("{path}, line {line}");
        match Spec::named(&name) {
            Some(spec) => Ok(Said::from_whole_text(py, spec, &text, origin)?),
            None => {
                let problem = settings::unknown(&name);
                Err(Failure::Config(format!("{origin}: {problem}")))
            }
        }
    });
    said.collect()
}

/// What `host` and `port` are together.
fn bind(found: &[(String, String, usize)]) -> Option<(String, String, usize)> {
    let named = |name| found.iter().find(|(found, ..)| found == name);
    let text = |name| named(name).map(|(_, text, _)| text.as_str());
    let (_, _, line) = found.last()?;
    let address = args::address(text("host"), text("port"));
    Some(("bind".to_owned(), address, *line))
}
