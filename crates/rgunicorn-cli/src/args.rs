//! The command line, made from the settings table.
//!
//! Every flag may be left out and none has a default here, so that a flag that was not given
//! does not hide what a configuration file says.

use std::env;
use std::ffi::OsString;

use clap::Arg;
use clap::ArgAction;
use clap::ArgMatches;
use clap::Command;
use clap::parser::ValueSource;

use crate::failure::WrongValue;
use crate::said::Said;
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
        let mut given = Self(given);
        given.bind(addresses(&matches, env::var("PORT").ok()));
        Ok(given)
    }

    /// Adds addresses to those that `--bind` names.
    fn bind(&mut self, addresses: Vec<String>) {
        let bind = self.0.iter_mut().find(|(spec, _)| spec.name == "bind");
        match (bind, Spec::named("bind")) {
            (Some((_, texts)), _) => texts.extend(addresses),
            (None, Some(spec)) if !addresses.is_empty() => self.0.push((spec, addresses)),
            _ => {}
        }
    }

    /// All of it, as said by `source`, such as "on the command line".
    pub(crate) fn said(&self, source: &str) -> Result<Vec<Said>, WrongValue> {
        let said = |(spec, texts): &(&'static Spec, Vec<String>)| {
            let flag = spec.flag().unwrap_or("the application");
            Said::from_texts(spec, texts, format!("{flag} {source}"))
        };
        self.0.iter().map(said).collect()
    }

    /// What was given last for the setting `name`.
    #[cfg(test)]
    fn last(&self, name: &str) -> Option<&str> {
        let (_, texts) = self.0.iter().find(|(spec, _)| spec.name == name)?;
        texts.last().map(String::as_str)
    }
}

/// The addresses that uvicorn's flags name. `--host` and `--port` are one together; where only
/// one of them is given the other is as without flags.
fn addresses(matches: &ArgMatches, usual_port: Option<String>) -> Vec<String> {
    let given = |flag| matches.get_one::<String>(flag);
    let unix = given(UDS).map(|path| format!("unix:{path}"));
    let inherited = given(FD).map(|number| format!("fd://{number}"));
    let port = given(PORT).cloned();
    let tcp = (given(HOST).is_some() || port.is_some()).then(|| {
        let port = port.or(usual_port);
        address(given(HOST).map(String::as_str), port.as_deref())
    });
    [unix, inherited, tcp].into_iter().flatten().collect()
}

/// The address of a host and a port; of the usual ones where one is missing.
pub(crate) fn address(host: Option<&str>, port: Option<&str>) -> String {
    let (host, port) = (host.unwrap_or("127.0.0.1"), port.unwrap_or("8000"));
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
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
        .about("Serves a Python application, ASGI or WSGI, over HTTP.")
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
        .args(address_arguments())
}

/// uvicorn's flags for addresses, in the place of `--bind`.
fn address_arguments() -> [Arg; 4] {
    let argument = |flag, meta, help| {
        Arg::new(flag)
            .long(flag)
            .value_name(meta)
            .help(help)
            .help_heading("Server Socket")
    };
    [
        argument(
            HOST,
            "HOST",
            "As --bind HOST:PORT, with --port or its default",
        ),
        argument(
            PORT,
            "PORT",
            "As --bind HOST:PORT, with --host or its default",
        )
        .value_parser(port),
        argument(UDS, "PATH", "As --bind unix:PATH"),
        argument(FD, "FD", "As --bind fd://FD").value_parser(number),
    ]
}

const HOST: &str = "host";
const PORT: &str = "port";
const UDS: &str = "uds";
const FD: &str = "fd";

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

/// The flag, without its hyphens, that switches a setting off: `no-` before another one.
fn off_flag(spec: &Spec) -> Option<&'static str> {
    let mut long = spec.flags.iter().filter_map(|flag| flag.strip_prefix("--"));
    long.find(|flag| {
        let on = flag.strip_prefix("no-").map(|on| format!("--{on}"));
        on.is_some_and(|on| spec.flags.contains(&on.as_str()))
    })
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
        Kind::Account
        | Kind::Anything
        | Kind::Class
        | Kind::OptionalText
        | Kind::Permissions
        | Kind::Secret
        | Kind::Size
        | Kind::Text
        | Kind::Words => arg.value_name(spec.meta),
    }
}

fn number(text: &str) -> Result<String, &'static str> {
    value::whole_number(text)
        .map(|_| text.to_owned())
        .ok_or("not a whole number")
}

fn port(text: &str) -> Result<String, &'static str> {
    text.parse::<u16>()
        .map(|_| text.to_owned())
        .or(Err("not a port: a number from 0 to 65535"))
}

fn help(spec: &Spec) -> String {
    let doc = spec.doc.trim();
    if let Some(reason) = spec.no_effect() {
        return format!("{doc} No effect: {reason}.");
    }
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
    fn addresses_may_be_spelled_as_for_uvicorn() {
        let bind = |words: &[&str]| {
            let matches = command().try_get_matches_from([&["rgunicorn"], words].concat());
            addresses(&matches.unwrap(), None)
        };
        assert!(bind(&["-b", "a:1"]).is_empty());
        assert_eq!(bind(&["--host", "a"]), ["a:8000"]);
        assert_eq!(bind(&["--port", "1"]), ["127.0.0.1:1"]);
        assert_eq!(
            bind(&["--host", "a", "--port", "1", "--port", "2"]),
            ["a:2"]
        );
        assert_eq!(bind(&["--host", "::1"]), ["[::1]:8000"]);
        assert_eq!(
            bind(&["--uds", "x", "--fd", "3", "--host", "[::]"]),
            ["unix:x", "fd://3", "[::]:8000"]
        );
        assert_eq!(parse(&["--port", "http"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn spellings_of_one_setting_replace_each_other() {
        let given = parse(&["--pythonpath", "a", "--app-dir", "b"]).unwrap();
        assert_eq!(given.last("pythonpath"), Some("b"));
        let given = parse(&["--limit-max-requests", "5", "--max-requests", "6"]).unwrap();
        assert_eq!(given.last("max_requests"), Some("6"));
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
    fn a_flag_that_begins_with_no_may_switch_on() {
        let given = parse(&["--no-control-socket"]).unwrap();
        assert_eq!(given.last("control_socket_disable"), Some("true"));
        let given = parse(&["--no-sendfile"]).unwrap();
        assert_eq!(given.last("sendfile"), Some("false"));
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
