//! A real master with real workers: forks, signals and exit codes.
//!
//! The test process forks a master, which forks its workers; all three write lines to one pipe,
//! and the test waits for lines, never for time. There is no libtest here, because a process that
//! forks should have one thread; `main` below speaks as much of its language as nextest needs.
#![expect(clippy::unwrap_used, reason = "a test may fail that way")]

use std::env;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::ops::ControlFlow;
use std::process;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd;
use nix::unistd::ForkResult;
use nix::unistd::Pid;
use rgunicorn_supervisor::Fork;
use rgunicorn_supervisor::Host;
use rgunicorn_supervisor::Others;
use rgunicorn_supervisor::Outcome;
use rgunicorn_supervisor::Seat;
use rgunicorn_supervisor::Settings;
use rgunicorn_supervisor::WorkerNumber;
use rgunicorn_supervisor::run;

const TESTS: [(&str, fn()); 26] = [
    ("term_ends_the_server_once_all_workers_are_gone", term),
    ("int_and_quit_end_the_server_fast", int_and_quit),
    ("int_overtakes_a_graceful_stop", escalation),
    ("a_crashed_worker_is_replaced", crash),
    ("a_crash_right_after_ready_is_no_boot_failure", early_crash),
    ("a_boot_failure_ends_the_server_with_code_3", boot_failure),
    (
        "a_missing_application_ends_the_server_with_code_4",
        load_failure,
    ),
    ("a_failing_fork_ends_the_server_with_code_3", fork_failure),
    ("hup_replaces_all_workers", hup),
    ("hup_takes_new_settings", hup_with_settings),
    (
        "hup_with_a_broken_application_leaves_the_old_worker_serving",
        broken_hup,
    ),
    (
        "a_worker_that_ignores_term_is_killed_after_its_own_deadline",
        stubborn,
    ),
    ("a_silent_worker_is_aborted_and_replaced", silent),
    (
        "a_worker_that_asks_for_a_replacement_serves_until_it_is_there",
        replacement,
    ),
    ("ttin_and_ttou_change_the_number_of_workers", ttin_and_ttou),
    ("usr1_reaches_the_host_and_the_workers", usr1),
    ("usr2_starts_one_new_master_at_a_time", usr2),
    ("a_new_master_starts_with_no_signal_held_back", clean_master),
    (
        "winch_ends_the_workers_of_an_old_master_and_hup_brings_them_back",
        winch,
    ),
    ("winch_from_a_terminal_is_ignored", winch_from_a_terminal),
    (
        "a_new_master_is_promoted_when_its_parent_is_gone",
        promotion,
    ),
    (
        "the_host_hears_of_each_worker_and_of_how_many_to_keep",
        told_host,
    ),
    (
        "a_host_that_cannot_start_ends_the_server_before_it_forks",
        refusing_host,
    ),
    ("a_new_worker_holds_nothing_of_the_master", clean_child),
    ("a_worker_can_tell_that_its_master_is_gone", orphan),
    ("a_child_that_is_no_worker_is_reaped_quietly", stranger),
];

fn term() {
    let mut server = Server::start(settings(2), patient);
    server.until("ready 1");
    server.until("ready 2");
    server.send(Signal::SIGTERM);
    server.until("INFO Handling signal: term");
    server.until("host stopping None");
    server.until("1 got SIGTERM");
    server.until("2 got SIGTERM");
    server.until("INFO Shutting down: Master");
    assert_eq!(server.code(), 0);
    assert!(!server.rest().contains("exited with code"));
}

fn int_and_quit() {
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        let mut server = Server::start(settings(1), patient);
        server.until("ready 1");
        server.send(signal);
        server.until("1 got SIGQUIT");
        assert_eq!(server.code(), 0);
    }
}

fn escalation() {
    let mut server = Server::start(settings(1), |seat, report| {
        SigSet::from_iter([Signal::SIGTERM, Signal::SIGQUIT])
            .thread_block()
            .unwrap();
        seat.ready();
        say(report, "serves");
        wait_for(&[Signal::SIGTERM]);
        say(report, "finishes requests");
        wait_for(&[Signal::SIGQUIT]);
        say(report, "drops requests");
        0
    });
    server.until("serves");
    server.send(Signal::SIGTERM);
    server.until("finishes requests");
    server.send(Signal::SIGINT);
    server.until("drops requests");
    assert_eq!(server.code(), 0);
}

fn crash() {
    let mut server = Server::start(settings(1), patient);
    let pid = server.pid_of_worker(1);
    signal::kill(pid, Signal::SIGKILL).unwrap();
    let line = format!("ERROR Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?");
    server.until(&line);
    server.until("ready 2");
    server.stop();
}

fn early_crash() {
    let mut server = Server::start(settings(1), |seat, report| {
        if seat.number().value() == 1 {
            seat.ready();
            return 7;
        }
        patient(seat, report)
    });
    server.until("exited with code 7.");
    server.until("ready 2");
    server.stop();
}

fn boot_failure() {
    let mut server = Server::start(settings(1), |_, _| 3);
    server.until("exited with code 3.");
    server.until("ERROR Shutting down: Master");
    server.until("ERROR Reason: Worker failed to boot.");
    assert_eq!(server.code(), 3);
}

fn load_failure() {
    // The other worker, which serves already, is stopped too.
    let mut server = Server::start(settings(2), |seat, report| match seat.number().value() {
        1 => patient(seat, report),
        _ => 4,
    });
    server.until("exited with code 4.");
    server.until("ERROR Reason: App failed to load.");
    assert_eq!(server.code(), 4);
}

fn fork_failure() {
    let options = Options {
        fork: || Err(io::Error::other("no room")),
        ..Options::default()
    };
    let mut server = Server::start_with(settings(1), patient, options);
    server.until("ERROR Cannot start a worker: no room");
    assert_eq!(server.code(), 3);
}

fn hup() {
    let mut server = Server::start(settings(2), patient);
    server.until("ready 1");
    server.until("ready 2");
    server.send(Signal::SIGHUP);
    server.until("INFO Handling signal: hup");
    server.until("INFO Hang up: Master");
    server.until("host reload");
    server.until("ready 3");
    server.until("ready 4");
    server.until("1 got SIGTERM");
    server.until("2 got SIGTERM");
    server.stop();
}

fn hup_with_settings() {
    let options = Options {
        reload: || Some(settings(1)),
        ..Options::default()
    };
    let mut server = Server::start_with(settings(2), patient, options);
    server.until("ready 1");
    server.until("ready 2");
    server.send(Signal::SIGHUP);
    server.until("1 got SIGTERM");
    server.until("ready 3");
    server.until("2 got SIGTERM");
    server.stop();
    assert!(!server.rest().contains("ready 4"));
}

fn broken_hup() {
    let mut server = Server::start(settings(1), |seat, report| match seat.number().value() {
        2 => 3,
        _ => patient(seat, report),
    });
    server.until("ready 1");
    server.send(Signal::SIGHUP);
    server.until("ERROR Worker failed to boot; the next attempt is in 1 s.");
    server.until("ready 3");
    server.until("1 got SIGTERM");
    server.stop();
}

fn stubborn() {
    let graceful_timeout = Duration::from_millis(300);
    let settings = Settings {
        graceful_timeout,
        ..settings(1)
    };
    let mut server = Server::start(settings, |seat, report| {
        SigSet::from(Signal::SIGTERM).thread_block().unwrap();
        seat.ready();
        say(report, "deaf");
        wait_for(&[Signal::SIGUSR2])
    });
    server.until("deaf");
    let start = Instant::now();
    server.send(Signal::SIGTERM);
    server.until("was sent SIGKILL!");
    assert!(start.elapsed() > graceful_timeout + Duration::from_millis(900));
    assert_eq!(server.code(), 0);
}

fn silent() {
    let settings = Settings {
        timeout: Duration::from_millis(200),
        ..settings(1)
    };
    let mut server = Server::start(settings, |seat, report| {
        if seat.number().value() > 1 {
            let beat = seat.beat();
            let future = Instant::now() + Duration::from_secs(3600);
            beat.runtime(future);
            beat.python(future);
        }
        patient(seat, report)
    });
    let pid = server.pid_of_worker(1);
    server.until(&format!("ERROR WORKER TIMEOUT (pid:{pid}) critical=true"));
    server.until(&format!("WARN Worker (pid:{pid}) was sent SIGABRT!"));
    server.until("ready 2");
    server.stop();
    assert!(!server.rest().contains("TIMEOUT"));
}

fn replacement() {
    let mut server = Server::start(settings(1), |seat, report| {
        SigSet::from(Signal::SIGTERM).thread_block().unwrap();
        seat.ready();
        if seat.number().value() == 1 {
            seat.wants_replacement();
        }
        patient(seat, report)
    });
    server.until("ready 2");
    server.until("1 got SIGTERM");
    server.stop();
}

fn ttin_and_ttou() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    server.send(Signal::SIGTTIN);
    server.until("Handling signal: ttin");
    server.until("ready 2");
    server.send(Signal::SIGTTOU);
    server.until("1 got SIGTERM");
    server.stop();
}

fn usr1() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    server.send(Signal::SIGUSR1);
    server.until("host reopen_logs");
    server.until("1 got SIGUSR1");
    server.stop();
}

fn usr2() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    for _ in 0..2 {
        server.send(Signal::SIGUSR2);
        server.until("INFO Handling signal: usr2");
        let new = server.pid_of_new_master();
        server.send(Signal::SIGUSR2);
        server.until("WARN USR2 signal ignored. Child exists.");
        signal::kill(new, Signal::SIGTERM).unwrap();
        server.until(&format!("INFO The new master (pid:{new}) has stopped."));
    }
    server.stop();
    assert!(server.rest().contains("host stopping None"));
}

fn clean_master() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    server.send(Signal::SIGUSR2);
    server.until("new master SigBlk 0");
    server.until("new master SigCgt 0");
    server.pid_of_new_master();
    server.stop();
}

fn winch() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    server.send(Signal::SIGUSR2);
    server.pid_of_new_master();
    server.send(Signal::SIGWINCH);
    server.until("INFO Handling signal: winch");
    server.until("INFO graceful stop of workers");
    server.until("1 got SIGTERM");
    server.send(Signal::SIGHUP);
    server.until("ready 2");
    server.stop();
    assert!(server.rest().contains("host stopping Serve"));
}

fn winch_from_a_terminal() {
    let mut server = Server::start(settings(1), patient);
    server.until("ready 1");
    server.send(Signal::SIGWINCH);
    server.until("DEBUG SIGWINCH ignored. Not daemonized");
    server.stop();
    let daemon = Settings {
        daemon: true,
        ..settings(1)
    };
    let mut server = Server::start(daemon, patient);
    server.until("ready 1");
    server.send(Signal::SIGWINCH);
    server.until("1 got SIGTERM");
    server.stop();
}

fn promotion() {
    let options = Options {
        predecessor: || Some(unistd::getppid().as_raw()),
        ..Options::default()
    };
    let mut server = Server::start_with(settings(1), patient, options);
    server.until("ready 1");
    server.send(Signal::SIGUSR2);
    server.until("WARN USR2 signal ignored. Parent exists.");
    server.send(Signal::SIGTERM);
    server.until("host stopping Serve");
    server.until("INFO Shutting down: Master.2");
    assert_eq!(server.code(), 0);
    let options = Options {
        predecessor: || Some(i32::MAX),
        ..Options::default()
    };
    let mut server = Server::start_with(settings(1), patient, options);
    server.until("INFO Master has been promoted.");
    server.until("host promoted");
    server.stop();
}

/// How many of the master's signals a process holds back, or has handlers for.
fn own_signals(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let mask = u64::from_str_radix(line.split_once(":\t").unwrap().1, 16).unwrap();
    let ours = [
        Signal::SIGHUP,
        Signal::SIGTERM,
        Signal::SIGCHLD,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
    ];
    let left = ours.iter().filter(|&&s| mask & (1 << (s as i32 - 1)) != 0);
    left.count()
}

fn told_host() {
    let mut server = Server::start(settings(1), patient);
    server.until("host starting");
    server.until("host before_fork 1");
    server.until("ready 1");
    server.send(Signal::SIGTTIN);
    server.until("host resized 2");
    server.until("host before_fork 2");
    server.until("ready 2");
    server.send(Signal::SIGTTOU);
    server.until("host resized 1");
    server.until("host ended 1");
    server.send(Signal::SIGTERM);
    server.until("host ended 2");
    assert_eq!(server.code(), 0);
}

fn refusing_host() {
    let options = Options {
        starting: || ControlFlow::Break(()),
        ..Options::default()
    };
    let mut server = Server::start_with(settings(1), patient, options);
    server.until("host starting");
    server.until("host stopping");
    assert_eq!(server.code(), 0);
}

fn clean_child() {
    let mut server = Server::start(settings(2), |seat, report| {
        for field in ["SigBlk", "SigCgt"] {
            let count = own_signals(field);
            say(report, &format!("{} {field} {count}", seat.number()));
        }
        say(report, &format!("{} holds {}", seat.number(), open_fds()));
        patient(seat, report)
    });
    let before: usize = server
        .until("master holds")
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    for number in 1..=2 {
        server.until(&format!("{number} SigBlk 0"));
        server.until(&format!("{number} SigCgt 0"));
        server.until(&format!("{number} holds {}", before + 1)); // the line to the master
        server.until(&format!("ready {number}"));
    }
    server.stop();
    assert!(
        !server.rest().contains("threads"),
        "the master has one thread"
    );
}

fn orphan() {
    let mut server = Server::start(settings(1), |seat, report| {
        SigSet::from(Signal::SIGUSR1).thread_block().unwrap();
        set_pdeathsig(Signal::SIGUSR1).unwrap();
        assert!(!seat.master_is_gone());
        seat.ready();
        say(report, "waits");
        wait_for(&[Signal::SIGUSR1]);
        say(report, &format!("gone: {}", seat.master_is_gone()));
        0
    });
    server.until("waits");
    server.send(Signal::SIGKILL);
    server.until("gone: true");
}

fn stranger() {
    let options = Options {
        reload: || {
            if let ForkResult::Child = fork() {
                process::exit(5)
            }
            None
        },
        ..Options::default()
    };
    let mut server = Server::start_with(settings(1), patient, options);
    server.until("ready 1");
    server.send(Signal::SIGHUP);
    server.until("which is no worker");
    server.until("ready 2");
    server.stop();
}

fn settings(workers: usize) -> Settings {
    Settings {
        workers,
        timeout: Duration::ZERO,
        graceful_timeout: Duration::from_secs(20),
        boot_timeout: Duration::ZERO,
        drain_delay: Duration::ZERO,
        daemon: false,
    }
}

/// A worker that serves until it is told to end.
fn patient(seat: &Seat, report: &File) -> i32 {
    use Signal::*;
    let signals = [SIGTERM, SIGQUIT, SIGUSR1];
    SigSet::from_iter(signals).thread_block().unwrap();
    seat.ready();
    let number = seat.number();
    say(report, &format!("ready {number} {}", process::id()));
    loop {
        let signal = Signal::try_from(wait_for(&signals)).unwrap();
        say(report, &format!("{number} got {signal}"));
        if signal != SIGUSR1 {
            return 0;
        }
    }
}

fn wait_for(signals: &[Signal]) -> i32 {
    let set: SigSet = signals.iter().copied().collect();
    set.thread_block().unwrap();
    set.wait().unwrap() as i32
}

fn say(mut report: &File, line: &str) {
    report.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn open_fds() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[expect(unsafe_code, reason = "what is tested forks")]
fn fork() -> ForkResult {
    // SAFETY: this process has one thread, so no lock is held by a thread that the child lacks.
    unsafe { unistd::fork() }.unwrap()
}

type Work = fn(&Seat, &File) -> i32;

/// What the host does where a test cares.
#[derive(Clone, Copy)]
struct Options {
    starting: fn() -> ControlFlow<()>,
    fork: fn() -> io::Result<()>,
    reload: fn() -> Option<Settings>,
    predecessor: fn() -> Option<i32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            starting: || ControlFlow::Continue(()),
            fork: || Ok(()),
            reload: || None,
            predecessor: || None,
        }
    }
}

/// The program round the supervisor, as far as there is one here.
struct TestHost {
    report: Arc<File>,
    options: Options,
}

impl Host for TestHost {
    fn starting(&mut self) -> ControlFlow<()> {
        say(&self.report, "host starting");
        (self.options.starting)()
    }

    fn before_fork(&mut self, worker: WorkerNumber) -> io::Result<()> {
        say(&self.report, &format!("host before_fork {worker}"));
        Ok(())
    }

    fn ended(&mut self, worker: WorkerNumber) {
        say(&self.report, &format!("host ended {worker}"));
    }

    fn resized(&mut self, workers: usize) {
        say(&self.report, &format!("host resized {workers}"));
    }

    fn fork(&mut self, _worker: WorkerNumber) -> io::Result<Fork> {
        (self.options.fork)()?;
        Ok(match fork() {
            ForkResult::Child => {
                set_pdeathsig(Signal::SIGKILL).unwrap();
                Fork::Child
            }
            ForkResult::Parent { child } => Fork::Parent(child.as_raw()),
        })
    }

    fn reload(&mut self) -> Option<Settings> {
        say(&self.report, "host reload");
        (self.options.reload)()
    }

    fn reopen_logs(&mut self) {
        say(&self.report, "host reopen_logs");
    }

    fn stopping(&mut self, others: Others) {
        say(&self.report, &format!("host stopping {others:?}"));
    }

    fn predecessor(&self) -> Option<i32> {
        (self.options.predecessor)()
    }

    fn fork_master(&mut self) -> io::Result<Fork> {
        Ok(match fork() {
            ForkResult::Child => Fork::Child,
            ForkResult::Parent { child } => Fork::Parent(child.as_raw()),
        })
    }

    fn become_master(&mut self) -> ! {
        set_pdeathsig(Signal::SIGKILL).unwrap();
        for field in ["SigBlk", "SigCgt"] {
            let line = format!("new master {field} {}", own_signals(field));
            say(&self.report, &line);
        }
        SigSet::from(Signal::SIGTERM).thread_block().unwrap();
        say(&self.report, &format!("new master {}", process::id()));
        wait_for(&[Signal::SIGTERM]);
        process::exit(0)
    }

    fn promoted(&mut self) {
        say(&self.report, "host promoted");
    }
}

/// What the master process does, to its end or that of the worker it becomes.
fn be_master(settings: Settings, work: Work, options: Options, report: Arc<File>) -> ! {
    set_pdeathsig(Signal::SIGKILL).unwrap();
    tracing_subscriber::fmt()
        .with_writer(Arc::clone(&report))
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .init();
    say(&report, &format!("master holds {}", open_fds()));
    let mut host = TestHost {
        report: Arc::clone(&report),
        options,
    };
    process::exit(match run(settings, &mut host).unwrap() {
        Outcome::Child(seat) => work(&seat, &report),
        Outcome::Stopped(code) => code.into(),
    })
}

/// A running master, seen from the test. Killed when the test is over.
struct Server {
    pid: Pid,
    lines: File,
    /// Read, but not yet asked for.
    pending: Vec<String>,
    partial: String,
}

impl Server {
    fn start(settings: Settings, work: Work) -> Self {
        Self::start_with(settings, work, Options::default())
    }

    fn start_with(settings: Settings, work: Work, options: Options) -> Self {
        let (lines, report) = unistd::pipe().unwrap();
        match fork() {
            ForkResult::Child => {
                drop(lines);
                be_master(settings, work, options, Arc::new(File::from(report)))
            }
            ForkResult::Parent { child } => Self {
                pid: child,
                lines: File::from(lines),
                pending: Vec::new(),
                partial: String::new(),
            },
        }
    }

    fn send(&self, signal: Signal) {
        signal::kill(self.pid, signal).unwrap();
    }

    /// Waits for a line that contains `text`, and takes it. Other lines stay for later questions,
    /// because processes do not speak in turn.
    fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(position) = self.pending.iter().position(|line| line.contains(text)) {
                return self.pending.remove(position);
            }
            assert!(self.read_more(), "no {text:?}, but {:#?}", self.pending);
        }
    }

    fn pid_of_worker(&mut self, number: u64) -> Pid {
        let line = self.until(&format!("ready {number} "));
        Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    fn pid_of_new_master(&mut self) -> Pid {
        let line = self.until("Starting a new master with pid: ");
        let pid = Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap());
        self.until(&format!("new master {pid}"));
        pid
    }

    /// All that was said and not asked for. Only once nobody is left to speak.
    fn rest(&mut self) -> String {
        while self.read_more() {}
        self.pending.join("\n")
    }

    fn read_more(&mut self) -> bool {
        let mut fds = [PollFd::new(
            std::os::fd::AsFd::as_fd(&self.lines),
            PollFlags::POLLIN,
        )];
        if poll(&mut fds, PollTimeout::from(20_000_u16)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        let length = self.lines.read(&mut bytes).unwrap();
        self.partial += std::str::from_utf8(&bytes[..length]).unwrap();
        while let Some((line, rest)) = self.partial.split_once('\n') {
            self.pending.push(line.to_owned());
            self.partial = rest.to_owned();
        }
        length > 0
    }

    /// The exit code, once the master has ended by itself.
    fn code(&self) -> i32 {
        match waitpid(self.pid, None).unwrap() {
            WaitStatus::Exited(_, code) => code,
            other => panic!("the master ended otherwise: {other:?}"),
        }
    }

    fn stop(&mut self) {
        self.send(Signal::SIGTERM);
        self.until("Shutting down: Master");
        assert_eq!(self.code(), 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its workers die with it. No effect when it was waited for already.
        if signal::kill(self.pid, Signal::SIGKILL).is_ok() {
            let _ = waitpid(self.pid, None);
        }
    }
}

#[expect(clippy::print_stdout, reason = "the language of test runners")]
fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--list") {
        let shown = if has("--ignored") { 0 } else { TESTS.len() };
        for (name, _) in &TESTS[..shown] {
            println!("{name}: test");
        }
        return;
    }
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    for (name, test) in TESTS {
        let is_wanted = |filter: &&String| match has("--exact") {
            true => *filter == name,
            false => name.contains(filter.as_str()),
        };
        if filters.is_empty() || filters.iter().any(is_wanted) {
            println!("test {name}");
            test();
        }
    }
}
