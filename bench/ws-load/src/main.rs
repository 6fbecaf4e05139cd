//! WebSocket load on one thread: many clients, one loop over the sockets that are ready.
//!
//! `ws-load echo|broadcast|idle --port PORT --path PATH [OPTION VALUE]... [--deflate]`; the options
//! are those of `Options`. Every answer is compared with what it must be. The result is one line of
//! JSON with the names that `bench/wrk.lua` uses, after the word `RESULT`.

mod load;

mod client;

mod options;

mod figures;

use std::env;
use std::process::ExitCode;

use options::Mode;
use options::Options;

fn main() -> ExitCode {
    let options = match Options::read(env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("ws-load: {complaint}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = match options.mode {
        Mode::Echo => load::echo(&options),
        Mode::Broadcast => load::broadcast(&options),
        Mode::Idle => load::idle(&options),
    };
    match outcome {
        Ok(figures) => {
            println!("RESULT {}", figures.json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ws-load: {error}");
            ExitCode::FAILURE
        }
    }
}
