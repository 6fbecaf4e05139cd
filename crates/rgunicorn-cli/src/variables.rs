//! Settings from the environment: a variable for each, and the few that gunicorn reads.

use std::env;

use pyo3::prelude::*;

use crate::failure::Failure;
use crate::said::Said;
use crate::settings;
use crate::settings::Spec;
use crate::settings::VARIABLES;

/// Reads `RGUNICORN_WORKERS` and the like.
///
/// # Errors
/// A variable that is like them and no setting, and a value that is not allowed.
pub(crate) fn read(py: Python<'_>) -> Result<Vec<Said>, Failure> {
    let mut said = Vec::new();
    // What is not UTF-8 is nobody's name, and a value that is not is shown as far as it is.
    for (variable, value) in env::vars_os() {
        let (Some(variable), value) = (variable.to_str(), value.to_string_lossy()) else {
            continue;
        };
        let Some(rest) = variable.strip_prefix(VARIABLES) else {
            continue;
        };
        if is_link(rest) {
            continue;
        }
        let name = rest.to_ascii_lowercase();
        let origin = format!("${variable}");
        match Spec::named(&name) {
            Some(spec) => said.push(Said::from_whole_text(py, spec, &value, origin)?),
            None => {
                let problem = settings::unknown(&name);
                return Err(Failure::Config(format!("{origin}: {problem}")));
            }
        }
    }
    Ok(said)
}

/// Whether the rest of a variable's name is what Docker and Kubernetes say of a service that is
/// called like this server.
fn is_link(rest: &str) -> bool {
    rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_")
}

/// What gunicorn reads from the environment in the place of a default.
pub(crate) fn in_place_of_defaults() -> Result<Vec<Said>, Failure> {
    let filled = |variable| env::var(variable).ok().filter(|text| !text.is_empty());
    let given = [
        (
            "PORT",
            "bind",
            filled("PORT").map(|port| format!("0.0.0.0:{port}")),
        ),
        ("WEB_CONCURRENCY", "workers", filled("WEB_CONCURRENCY")),
        // Empty, it says something too: nobody is trusted.
        (
            "FORWARDED_ALLOW_IPS",
            "forwarded_allow_ips",
            env::var("FORWARDED_ALLOW_IPS").ok(),
        ),
        (
            "SENDFILE",
            "sendfile",
            filled("SENDFILE").map(|text| is_yes(&text).to_string()),
        ),
    ];
    let mut said = Vec::new();
    for (variable, setting, text) in given {
        if let (Some(text), Some(spec)) = (text, Spec::named(setting)) {
            said.push(Said::from_texts(spec, &[text], format!("${variable}"))?);
        }
    }
    Ok(said)
}

/// Whether `$SENDFILE` switches on; anything else there switches off.
fn is_yes(text: &str) -> bool {
    ["y", "1", "yes", "true"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_says_of_its_services_is_no_setting() {
        for rest in ["PORT", "PORT_8000_TCP_ADDR", "SERVICE_HOST"] {
            assert!(is_link(rest), "{rest}");
        }
        for rest in ["PORTS", "WORKERS", "ACCESSLOG"] {
            assert!(!is_link(rest), "{rest}");
        }
    }

    #[test]
    fn no_setting_looks_like_what_a_cluster_says() {
        let linked = settings::SPECS
            .iter()
            .find(|spec| is_link(&spec.name.to_ascii_uppercase()));
        assert!(linked.is_none(), "{linked:?}");
    }
}
