//! The command line, made from the settings table.
//!
//! Every flag may be left out and none has a default here, so that a flag that was not given
//! does not hide what a configuration file says.

use std::ffi::OsString;

use clap::Arg;
use clap::ArgAction;
use clap::ArgMatches;
use clap::Command;
use clap::parser::ValueSource;

use crate::settings::Kind;
use crate::settings::SPECS;
use crate::settings::Spec;
use crate::value;

const APP: &str = "MODULE[:NAME]";

/// What a command line says: settings and the texts given for them.
#[derive(Debug, Default)]
pub(crate) struct Given(pub(crate) Vec<(&'static Spec, Vec<String>)>);

impl Given {
    /// Reads a command line whose first item is the program's name.
    pub(crate) fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(argv)?;
        let flags = SPECS.iter().filter(|spec| !spec.flags.is_empty());
        let mut given: Vec<_> = flags
            .filter_map(|spec| Some((spec, texts(&matches, spec)?)))
            .collect();
        if let (Some(app), Some(spec)) = (matches.get_one::<String>(APP), Spec::named("wsgi_app")) {
            given.push((spec, vec![app.clone()]));
        }
        Ok(Self(given))
    }

    /// What was given last for the setting `name`.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        let (_, texts) = self.0.iter().find(|(spec, _)| spec.name == name)?;
        texts.last().map(String::as_str)
    }
}

fn texts(matches: &ArgMatches, spec: &Spec) -> Option<Vec<String>> {
    if off_flag(spec).is_some_and(|flag| matches.get_flag(flag)) {
        return Some(vec!["false".to_owned()]);
    }
    if matches.value_source(spec.name) != Some(ValueSource::CommandLine) {
        return None;
    }
    if spec.kind == Kind::Switch {
        return Some(vec!["true".to_owned()]);
    }
    Some(matches.get_many::<String>(spec.name)?.cloned().collect())
}

fn command() -> Command {
    Command::new("rgunicorn")
        .bin_name("rgunicorn")
        .about("Serves a Python ASGI application over HTTP.")
        // Printed after the name: "rgunicorn (version 1.2.3)", as gunicorn words it.
        .version(concat!("(version ", env!("CARGO_PKG_VERSION"), ")"))
        .disable_version_flag(true)
        .infer_long_args(true)
        .args_override_self(true)
        .arg(
            Arg::new(APP)
                .help("The application: a module, and a name in it (default: application) or a call of a factory"),
        )
        .arg(Arg::new("version").short('v').long("version").action(ArgAction::Version).help("Print the version"))
        .args(SPECS.iter().filter(|spec| !spec.flags.is_empty()).flat_map(arguments))
}

/// The argument of a setting, and the one that switches it off if it has one.
fn arguments(spec: &'static Spec) -> impl Iterator<Item = Arg> {
    let off = off_flag(spec).map(|flag| {
        Arg::new(flag)
            .long(flag)
            .help(format!("Opposite of {}", spec.flags[0]))
            .help_heading(spec.section)
            .action(ArgAction::SetTrue)
            .overrides_with(spec.name)
    });
    [argument(spec)].into_iter().chain(off)
}

/// The flag, without its hyphens, that switches a setting off.
fn off_flag(spec: &Spec) -> Option<&'static str> {
    let mut long = spec.flags.iter().filter_map(|flag| flag.strip_prefix("--"));
    long.find(|flag| spec.kind == Kind::Switch && flag.starts_with("no-"))
}

fn argument(spec: &'static Spec) -> Arg {
    let off = off_flag(spec);
    let mut long = spec
        .flags
        .iter()
        .filter_map(|flag| flag.strip_prefix("--"))
        .filter(|flag| Some(*flag) != off);
    let arg = Arg::new(spec.name)
        .help(help(spec))
        .help_heading(spec.section)
        .long(long.next().unwrap_or(spec.name))
        .visible_aliases(long);
    let short = spec
        .flags
        .iter()
        .find(|flag| flag.len() == 2)
        .and_then(|flag| flag.chars().last());
    let arg = match short {
        Some(letter) => arg.short(letter),
        None => arg,
    };
    match spec.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue).overrides_with_all(off),
        Kind::List => arg.action(ArgAction::Append).value_name(spec.meta),
        // -1 is a number, though a wrong one: the check of all values words that best.
        Kind::Count => arg
            .value_name(spec.meta)
            .allow_negative_numbers(true)
            .value_parser(number),
        Kind::Mode => arg
            .value_name(spec.meta)
            .num_args(0..=1)
            .default_missing_value("auto"),
        // Have no flags.
        Kind::Hook | Kind::Object | Kind::Pairs => arg,
        Kind::Class | Kind::OptionalText | Kind::Text | Kind::Words => arg.value_name(spec.meta),
    }
}

fn number(text: &str) -> Result<String, &'static str> {
    value::whole_number(text)
        .map(|_| text.to_owned())
        .ok_or("not a whole number")
}

fn help(spec: &Spec) -> String {
    let doc = spec.doc.trim();
    match spec.default {
        Some(default) if !default.is_empty() && spec.kind != Kind::Switch => {
            format!("{doc} [default: {default}]")
        }
        _ => doc.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Given, clap::Error> {
        Given::parse(["rgunicorn"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_given_as_for_gunicorn() {
        let given = parse(&[
            "-w4",
            "--bind",
            "a:1",
            "-b=b:2",
            "--preload",
            "-k",
            "asgi",
            "app:app",
        ])
        .unwrap();
        assert_eq!(given.last("workers"), Some("4"));
        assert_eq!(given.last("bind"), Some("b:2"));
        assert_eq!(given.last("preload_app"), Some("true"));
        assert_eq!(given.last("wsgi_app"), Some("app:app"));
        assert_eq!(given.last("timeout"), None);
    }

    #[test]
    fn addresses_add_up_and_other_flags_replace() {
        let given = parse(&["-b", "a:1", "-w", "1", "-b", "b:2", "-w", "2"]).unwrap();
        let texts = |name| {
            given
                .0
                .iter()
                .find(|(spec, _)| spec.name == name)
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(texts("bind"), ["a:1", "b:2"]);
        assert_eq!(texts("workers"), ["2"]);
    }

    #[test]
    fn a_flag_may_be_shortened() {
        assert_eq!(
            parse(&["--access-logfil", "-"]).unwrap().last("accesslog"),
            Some("-")
        );
        assert_eq!(
            parse(&["--log-f", "x"]).unwrap().last("errorlog"),
            Some("x")
        );
    }

    #[test]
    fn a_switch_that_is_on_can_be_switched_off_and_the_last_word_counts() {
        let proxy_headers = |words: &[&str]| {
            let given = parse(words).unwrap();
            given.last("proxy_headers").map(str::to_owned)
        };
        assert_eq!(proxy_headers(&[]), None);
        assert_eq!(proxy_headers(&["--proxy-headers"]).unwrap(), "true");
        assert_eq!(proxy_headers(&["--no-proxy-headers"]).unwrap(), "false");
        let (on, off) = ("--proxy-headers", "--no-proxy-headers");
        assert_eq!(proxy_headers(&[on, off]).unwrap(), "false");
        assert_eq!(proxy_headers(&[off, on]).unwrap(), "true");
    }

    #[test]
    fn a_mode_may_be_left_out() {
        let mode = |words: &[&str]| {
            let given = parse(words).unwrap();
            given.last("proxy_protocol").map(str::to_owned)
        };
        assert_eq!(mode(&["--proxy-protocol"]).unwrap(), "auto");
        assert_eq!(mode(&["--proxy-protocol", "--preload"]).unwrap(), "auto");
        assert_eq!(mode(&["--proxy-protocol=v1"]).unwrap(), "v1");
        assert_eq!(mode(&["--proxy-protocol", "v2", "a:b"]).unwrap(), "v2");
    }

    #[test]
    fn an_unknown_flag_is_named() {
        let error = parse(&["--wokers", "3"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--wokers"));
    }

    #[test]
    fn a_number_that_is_none_is_a_usage_error() {
        assert_eq!(parse(&["-w", "four"]).unwrap_err().exit_code(), 2);
        assert_eq!(parse(&["-w", "-1"]).unwrap().last("workers"), Some("-1"));
    }
}
