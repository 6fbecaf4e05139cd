//! The page of all settings, `docs/SETTINGS.md`, made from the table, and the test that it is
//! up to date. `WRITE_SETTINGS_PAGE=1 cargo test -p rgunicorn-cli page` writes it.

use std::fmt::Write;

use super::Compared;
use super::SPECS;
use super::Spec;
use super::VARIABLES;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SETTINGS.md");

const INTRODUCTION: &str = "\
# Settings

Made from the table in `crates/rgunicorn-cli/src/settings/table.rs`; do not edit. gunicorn's settings have gunicorn's names, flags and
defaults. [MIGRATING.md](MIGRATING.md) translates the flags of uvicorn and granian.

## Where they come from

Later ones win.

| | source | |
|---|---|---|
| 1 | defaults | |
| 2 | `$PORT`, `$WEB_CONCURRENCY`, `$FORWARDED_ALLOW_IPS`, `$SENDFILE` | as in gunicorn |
| 3 | the Paste file of `--paste` | what its `[server:main]` says to `egg:gunicorn` or `egg:rgunicorn`. `config` there names a configuration file |
| 4 | the configuration file | `-c FILE`, else `$RGUNICORN_CONFIG`, else `-c` in `$GUNICORN_CMD_ARGS`, else `gunicorn.conf.py`, `rgunicorn.conf.py` or `rgunicorn.toml` in the current directory |
| 5 | `$GUNICORN_CMD_ARGS` | a command line |
| 6 | `$RGUNICORN_WORKERS` and so on | one for each setting. Above `GUNICORN_CMD_ARGS`: a variable for one setting of this server is more to the point than a line that was written for gunicorn |
| 7 | the command line | |

A configuration file is Python, or by the end of its name TOML, YAML (`.yaml`, `.yml`) or JSON, with a value for each name. `file:PATH` and
`python:MODULE` work too. In Python any variable may stand beside the settings, and only a name close to one of theirs gets a warning; in the others
and among the variables `RGUNICORN_…` an unknown name is an error. In a variable a list has commas, a switch is `true` or `false`, `1` or `0`,
header fields are `NAME: TEXT, NAME: TEXT`; lists and dicts may also be JSON. Variables that Docker and Kubernetes make for a service called rgunicorn (`RGUNICORN_PORT…`, `RGUNICORN_SERVICE_…`) are left alone.

`--print-config` shows every setting and where its value comes from; `--check-config` tells whether the server would start.

`--host` and `--port` are one address, `--uds` and `--fd` one each, and they add up with `--bind` on the same command line. Where one setting has several
flags, such as `--pythonpath` and `--app-dir`, the last one wins. `--interface` and a worker class that contradict each other are an error.

## All settings

The third column compares with gunicorn 27. The environment's variable is `RGUNICORN_` and the name in capitals.
";

#[test]
fn the_page_of_settings_is_the_table() {
    let page = page();
    if std::env::var_os("WRITE_SETTINGS_PAGE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == page,
        "docs/SETTINGS.md is not what the table says: WRITE_SETTINGS_PAGE=1 writes it"
    );
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut section = "";
    for spec in SPECS {
        if spec.section != section {
            section = spec.section;
            let heading = "| setting, flags, variable | default | as in gunicorn | what it does |";
            write!(page, "\n### {section}\n\n{heading}\n|---|---|---|---|\n").unwrap();
        }
        page.push_str(&row(spec));
    }
    page
}

fn row(spec: &Spec) -> String {
    let flags = spec.flags.iter().map(|flag| format!("`{flag}`"));
    let names = [format!("**`{}`**", spec.name)].into_iter().chain(flags);
    let variable = format!("`${VARIABLES}{}`", spec.name.to_ascii_uppercase());
    let names: Vec<_> = names.chain([variable]).collect();
    let default = match spec.default {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let compared = match spec.compared {
        Compared::Same => "as in gunicorn".to_owned(),
        Compared::Better(how) => format!("better: {how}"),
        Compared::Ours => "not in gunicorn".to_owned(),
        Compared::NoEffect(why) => format!("no effect, because {why}"),
    };
    let cells = [
        names.join("<br>"),
        default,
        compared,
        spec.doc.trim().to_owned(),
    ];
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}
