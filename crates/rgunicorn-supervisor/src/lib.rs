//! The worker pool: a pure state machine, and the thin loop that forks, watches and restarts.
//!
//! Knows processes, not HTTP and not Python. The master that calls [`run`](run()) has one thread and
//! never another, because it forks: no runtime, no pool, no logger thread lives here.
//!
//! What happens (a signal, a worker's word, a death, the time) becomes an event; `pool` decides
//! what the event calls for, without a clock or a system call; `run` does it. So every rule about
//! who is started, retired or killed is in `pool`, and is tested there without a process.
//!
//! The modules follow in reading order; each imports only modules listed after it.

mod run;
mod report;
mod process;
mod seat;
mod signals;
mod heartbeat;
mod notify;
mod handoff;
mod pidfile;
mod pool;
mod vacancy;
mod worker;
mod lineage;
mod host;
mod event;
mod settings;
mod error;

pub use error::SupervisorError;
pub use event::WorkerNumber;
pub use handoff::Giver;
pub use handoff::Inheritance;
pub use handoff::VARIABLES;
pub use heartbeat::Beat;
pub use host::Fork;
pub use host::Host;
pub use host::Others;
pub use pidfile::Pidfile;
pub use run::Outcome;
pub use run::hold_signals;
pub use run::run;
pub use seat::Seat;
pub use settings::Settings;
