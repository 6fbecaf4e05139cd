//! Every rule about workers, as one pure state machine: an event and the time in, actions out.
//!
//! There is no step-by-step plan for a reload. The pool knows how many workers should be *counted*
//! (current, and booting or ready) and after each event closes the difference: it fills
//! vacancies, and it retires ready workers only while more than enough are ready, outdated ones
//! first. A reload merely makes every worker outdated, and a worker that wants to leave makes
//! itself so; replacement before retirement follows. Hence the invariant: except for a stop, no
//! worker is told to end while that would leave fewer than the target ready.
//!
//! Read next: [`worker`](crate::worker) for the states, [`event`](crate::event) for the language.

use std::cmp::Reverse;
use std::mem;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::event::Action;
use crate::event::Cause;
use crate::event::Ending;
use crate::event::Event;
use crate::event::Urgency;
use crate::event::WorkerNumber;
use crate::settings::CAPACITY;
use crate::settings::Settings;
use crate::vacancy::Vacancy;
use crate::worker::Logs;
use crate::worker::Standing;
use crate::worker::State;
use crate::worker::Worker;
use strength::Strength;

mod ending;
mod strength;

/// A worker that served this long was healthy: its place has no history of failure any more.
const STEADY: Duration = Duration::from_secs(5);

/// The workers, and the number there should be.
#[derive(Debug)]
pub(crate) struct Pool {
    settings: Settings,
    target: usize,
    strength: Strength,
    phase: Phase,
    workers: Vec<Worker>,
    vacancies: Vec<Vacancy>,
    last: WorkerNumber,
    /// What the event at hand calls for so far.
    actions: Vec<Action>,
}

/// How far the server is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Never yet had all workers ready: a boot failure is the operator's to see, now.
    Starting,
    /// Was complete once: a boot failure must not take down what serves.
    Running,
    /// As before, but a stop will begin then.
    Leaving { at: Instant },
    /// Waiting for all workers to go.
    Stopping { cause: Cause, urgency: Urgency },
    /// Nothing left to do.
    Stopped,
}

impl Pool {
    /// A pool without workers. The first event starts them.
    pub(crate) fn new(settings: Settings) -> Self {
        let settings = settings.bounded();
        Self {
            settings,
            target: settings.workers,
            strength: Strength::Awaited,
            phase: Phase::Starting,
            workers: Vec::new(),
            vacancies: Vec::new(),
            last: WorkerNumber(0),
            actions: Vec::new(),
        }
    }

    /// Decides what one event calls for. Pure: no clock, no syscall, no log.
    pub(crate) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Dismiss => self.dismiss(),
            Event::Ended(number, ending) => self.ended(number, ending, now),
            Event::Fewer => self.weaken(),
            Event::ForkFailed(number) => self.fork_failed(number, now),
            Event::Heard(number, beat) => self.heard(number, beat),
            Event::More => self.strengthen(),
            Event::Overslept => self.forgive(now),
            Event::Ready(number) => self.ready(number, now),
            Event::Reload(settings) => self.reload(settings, now),
            Event::ReopenLogs => self.reopen_logs(),
            Event::Stop(urgency) => self.asked_to_stop(urgency, now),
            Event::Tick => self.enforce_deadlines(now),
            Event::WantsReplacement(number) => self.outdate(number, now),
        }
        self.settle(now);
        mem::take(&mut self.actions)
    }

    /// How many workers are to be kept.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// Whether a stop was asked for, so that reloads have no meaning any more.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_stopping() || matches!(self.phase, Phase::Leaving { .. })
    }

    fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. } | Phase::Stopped)
    }

    /// How long nothing needs to be done, unless something happens. `None` is for ever.
    pub(crate) fn next_deadline(&self, now: Instant) -> Option<Duration> {
        let workers = self.workers.iter().filter_map(|w| self.deadline(w));
        // With no room for it, a vacancy waits for an end, not for the time.
        let has_room = self.workers.len() < CAPACITY && !self.is_stopping();
        let vacancies = self.vacancies.iter().filter(|_| has_room);
        workers
            .chain(vacancies.map(|vacancy| vacancy.opens))
            .chain(self.leaves_at())
            .min()
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    fn ended(&mut self, number: WorkerNumber, ending: Ending, now: Instant) {
        let Some(worker) = self.remove(number) else {
            return;
        };
        // A clean exit is news only from a worker that nobody expected to leave.
        if ending != Ending::Code(0) || worker.is_counted() {
            self.actions.push(Action::LogEnd(number, ending));
        }
        self.actions.push(Action::Forget(number));
        self.vacate(&worker, ending, now);
    }

    fn fork_failed(&mut self, number: WorkerNumber, now: Instant) {
        if let Some(worker) = self.remove(number) {
            self.vacate(&worker, Ending::Vanished, now);
        }
    }

    fn heard(&mut self, number: WorkerNumber, beat: Instant) {
        if let Some(State::Ready { heard, .. }) = self.state_of(number) {
            *heard = beat.max(*heard);
        }
    }

    /// Restarts all clocks that a healthy worker may have failed only because nobody was awake.
    fn forgive(&mut self, now: Instant) {
        for worker in &mut self.workers {
            match &mut worker.state {
                State::Booting { since, .. } => *since = now,
                State::Ready { heard, .. } => *heard = now,
                State::Stopping { .. } | State::Killed => {}
            }
        }
    }

    fn ready(&mut self, number: WorkerNumber, now: Instant) {
        let Some(state) = self.state_of(number) else {
            return;
        };
        let State::Booting { logs, .. } = *state else {
            return; // it was told to end while its word was on the way
        };
        *state = State::Ready {
            since: now,
            heard: now,
        };
        if logs == Logs::Moved {
            self.signal(number, Signal::SIGUSR1);
        }
    }

    /// Makes every worker outdated; those that do not serve yet never will.
    fn reload(&mut self, settings: Option<Settings>, now: Instant) {
        if self.is_leaving() {
            return;
        }
        if let Some(settings) = settings {
            self.settings = settings.bounded();
        }
        if settings.is_some() || self.target == 0 {
            self.target = self.settings.workers;
        }
        self.strength = Strength::Awaited;
        // Whatever made the earlier ones fail may be mended: try at once.
        self.vacancies.clear();
        if self.phase == Phase::Starting && self.workers.iter().any(Worker::is_ready) {
            // Somebody serves already, and the start-up's own code is history.
            self.phase = Phase::Running;
        }
        for worker in &mut self.workers {
            worker.standing = Standing::Outdated;
        }
        for number in self.numbers(Worker::is_booting) {
            self.retire(number, now);
        }
    }

    fn reopen_logs(&mut self) {
        for number in self.numbers(|_| true) {
            match self.state_of(number) {
                // Before it is ready, the signal might still mean death to it.
                Some(State::Booting { logs, .. }) => *logs = Logs::Moved,
                _ => self.signal(number, Signal::SIGUSR1),
            }
        }
    }

    fn outdate(&mut self, number: WorkerNumber, now: Instant) {
        let alive = |w: &&mut Worker| w.number == number && (w.is_ready() || w.is_booting());
        let Some(worker) = self.workers.iter_mut().find(alive) else {
            return;
        };
        let before = mem::replace(&mut worker.standing, Standing::Outdated);
        if worker.is_booting() {
            // It has not served, and what comes after it is better.
            self.retire(number, now);
        } else if before == Standing::Outdated {
            // It asks again, so whatever made the others fail may be mended: try at once.
            self.vacancies.clear();
        }
    }

    fn enforce_deadlines(&mut self, now: Instant) {
        self.leave_in_time(now);
        let is_overdue = |w: &&Worker| self.deadline(w).is_some_and(|deadline| deadline <= now);
        let overdue: Vec<Worker> = self.workers.iter().filter(is_overdue).copied().collect();
        for worker in overdue {
            if let State::Stopping { .. } = worker.state {
                self.kill(worker.number);
            } else {
                self.actions.push(Action::LogSilence(worker.number));
                self.rush(worker.number, Signal::SIGABRT, now);
                self.vacate(&worker, Ending::Vanished, now);
            }
        }
    }

    /// Closes the difference between the workers there are and those there should be.
    fn settle(&mut self, now: Instant) {
        match self.phase {
            Phase::Starting | Phase::Running | Phase::Leaving { .. } => {
                let complete = self.numbers(Worker::is_ready).len() >= self.target;
                if complete && self.phase == Phase::Starting {
                    self.phase = Phase::Running;
                }
                self.retire_surplus(now);
                self.fill_vacancies(now);
                self.announce();
            }
            Phase::Stopping { cause, .. } if self.workers.is_empty() => {
                self.actions.push(Action::Exit(cause));
                self.phase = Phase::Stopped;
            }
            Phase::Stopping { .. } | Phase::Stopped => {}
        }
    }

    fn retire_surplus(&mut self, now: Instant) {
        let surplus = self
            .numbers(Worker::is_counted)
            .len()
            .saturating_sub(self.target);
        let mut booting = self.numbers(Worker::is_booting);
        booting.sort_by_key(|&number| Reverse(number));
        for &number in booting.iter().take(surplus) {
            self.retire(number, now);
        }
        let current = self.numbers(|w| w.is_ready() && w.is_counted());
        let outdated = self.numbers(|w| w.is_ready() && !w.is_counted());
        let excess = (current.len() + outdated.len()).saturating_sub(self.target);
        for &number in outdated.iter().chain(&current).take(excess) {
            self.retire(number, now);
        }
    }

    fn fill_vacancies(&mut self, now: Instant) {
        let counted = self.numbers(Worker::is_counted).len();
        let missing = self.target.saturating_sub(counted);
        self.vacancies.sort_by_key(|vacancy| vacancy.opens);
        self.vacancies.resize(missing, Vacancy::new(now));
        for vacancy in mem::take(&mut self.vacancies) {
            if vacancy.opens <= now && self.workers.len() < CAPACITY {
                self.spawn(vacancy, now);
            } else {
                self.vacancies.push(vacancy);
            }
        }
    }

    fn spawn(&mut self, vacancy: Vacancy, now: Instant) {
        self.last = WorkerNumber(self.last.0 + 1);
        self.workers.push(Worker {
            number: self.last,
            standing: Standing::Current,
            state: State::Booting {
                since: now,
                logs: Logs::Right,
            },
            failures: vacancy.failures,
        });
        self.actions.push(Action::Spawn(self.last));
    }

    /// Draws the consequences of losing a worker. `worker` is its state before it was lost.
    fn vacate(&mut self, worker: &Worker, ending: Ending, now: Instant) {
        if self.is_stopping() || !worker.is_counted() {
            return;
        }
        let vacancy = match worker.state {
            // Steady until now, or not to blame: its place is free at once.
            State::Ready { since, .. } if now >= since + STEADY || ending.came_from_outside() => {
                Vacancy::new(now)
            }
            State::Ready { .. } => Vacancy::after_crash(worker.failures, now),
            _ if self.phase == Phase::Starting && !ending.came_from_outside() => {
                let cause = Cause::of_boot_failure(ending);
                return self.stop(Urgency::Graceful, cause, now);
            }
            _ => {
                let vacancy = Vacancy::after_boot_failure(worker.failures, now);
                self.actions.push(Action::LogRetry(vacancy.opens - now));
                vacancy
            }
        };
        self.vacancies.push(vacancy);
    }

    /// When patience with a worker ends, if it does.
    fn deadline(&self, worker: &Worker) -> Option<Instant> {
        let after = |start: Instant, limit: Duration| (!limit.is_zero()).then(|| start + limit);
        match worker.state {
            State::Booting { since, .. } => after(since, self.settings.boot_timeout),
            State::Ready { heard, .. } => after(heard, self.settings.timeout),
            State::Stopping { deadline } => Some(deadline),
            State::Killed => None,
        }
    }

    fn signal(&mut self, number: WorkerNumber, signal: Signal) {
        self.actions.push(Action::Signal(number, signal));
    }

    /// The workers of which something is true, oldest first.
    fn numbers(&self, is_wanted: impl Fn(&Worker) -> bool) -> Vec<WorkerNumber> {
        let wanted = self.workers.iter().filter(|w| is_wanted(w));
        wanted.map(|worker| worker.number).collect()
    }

    fn state_of(&mut self, number: WorkerNumber) -> Option<&mut State> {
        let worker = self.workers.iter_mut().find(|w| w.number == number);
        worker.map(|worker| &mut worker.state)
    }

    fn put(&mut self, number: WorkerNumber, state: State) {
        if let Some(place) = self.state_of(number) {
            *place = state;
        }
    }

    fn remove(&mut self, number: WorkerNumber) -> Option<Worker> {
        let position = self.workers.iter().position(|w| w.number == number)?;
        Some(self.workers.remove(position))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::ending::MARGIN;
    use super::*;
    use crate::settings::MOST_WORKERS;

    const GRACE: u64 = 30;
    const TIMEOUT: u64 = 10;

    /// A pool with a clock of its own, and a world that remembers what the pool did to it.
    struct Scene {
        pool: Pool,
        now: Instant,
        /// Living processes, with the signals each was sent.
        alive: BTreeMap<u64, Vec<Signal>>,
        /// Those that said they serve, and were not told to end.
        serving: BTreeSet<u64>,
        /// Those that ever said so.
        ever: BTreeSet<u64>,
        /// How many workers were said to be complete, each time.
        complete: Vec<usize>,
        exit: Option<Cause>,
    }

    fn settings(workers: usize) -> Settings {
        Settings {
            workers,
            timeout: Duration::from_secs(TIMEOUT),
            graceful_timeout: Duration::from_secs(GRACE),
            boot_timeout: Duration::ZERO,
            drain_delay: Duration::ZERO,
            daemon: false,
        }
    }

    impl Scene {
        /// Workers were forked and have not spoken.
        fn starting(settings: Settings) -> Self {
            let mut scene = Self {
                pool: Pool::new(settings),
                now: Instant::now(),
                alive: BTreeMap::new(),
                serving: BTreeSet::new(),
                ever: BTreeSet::new(),
                complete: Vec::new(),
                exit: None,
            };
            scene.on(Event::Tick);
            scene
        }

        /// All workers are ready, and have been for a while.
        fn running(workers: usize) -> Self {
            let mut scene = Self::starting(settings(workers));
            for number in 1..=workers as u64 {
                scene.ready(number);
            }
            scene.after(STEADY.as_secs());
            scene
        }

        /// The one door to the pool: plays the event, and keeps the world in step. Returns what the
        /// world must do; what it is only told is kept.
        fn on(&mut self, event: Event) -> Vec<Action> {
            let mut actions = self.pool.on(event, self.now);
            actions.retain(|action| match *action {
                Action::Complete(workers) => {
                    self.complete.push(workers);
                    false
                }
                _ => true,
            });
            for action in &actions {
                match *action {
                    Action::Spawn(number) => drop(self.alive.insert(number.0, Vec::new())),
                    Action::Forget(number) => drop(self.alive.remove(&number.0)),
                    Action::Exit(cause) => self.exit = Some(cause),
                    Action::Signal(number, signal) => {
                        self.alive.get_mut(&number.0).unwrap().push(signal);
                        if signal != Signal::SIGUSR1 {
                            self.serving.remove(&number.0);
                        }
                    }
                    _ => {}
                }
            }
            actions
        }

        fn ready(&mut self, number: u64) -> Vec<Action> {
            if self.alive.get(&number).is_some_and(Vec::is_empty) {
                self.serving.insert(number);
                self.ever.insert(number);
            }
            self.on(Event::Ready(WorkerNumber(number)))
        }

        fn ends(&mut self, number: u64, ending: Ending) -> Vec<Action> {
            self.serving.remove(&number);
            self.on(Event::Ended(WorkerNumber(number), ending))
        }

        fn after(&mut self, seconds: u64) -> Vec<Action> {
            self.now += Duration::from_secs(seconds);
            self.on(Event::Tick)
        }

        fn alive(&self) -> Vec<u64> {
            self.alive.keys().copied().collect()
        }

        fn serving(&self) -> Vec<u64> {
            self.serving.iter().copied().collect()
        }

        fn sleeps(&self) -> Option<u64> {
            self.pool.next_deadline(self.now).map(|d| d.as_secs())
        }
    }

    const CLEAN: Ending = Ending::Code(0);
    const SEGV: Ending = Ending::Signal(11);
    const TERM: Signal = Signal::SIGTERM;
    const QUIT: Signal = Signal::SIGQUIT;
    const KILL: Signal = Signal::SIGKILL;
    const ABRT: Signal = Signal::SIGABRT;

    fn spawn(number: u64) -> Action {
        Action::Spawn(WorkerNumber(number))
    }

    fn signal(number: u64, signal: Signal) -> Action {
        Action::Signal(WorkerNumber(number), signal)
    }

    fn forget(number: u64) -> Action {
        Action::Forget(WorkerNumber(number))
    }

    fn log_end(number: u64, ending: Ending) -> Action {
        Action::LogEnd(WorkerNumber(number), ending)
    }

    fn log_retry(seconds: u64) -> Action {
        Action::LogRetry(Duration::from_secs(seconds))
    }

    fn wants(number: u64) -> Event {
        Event::WantsReplacement(WorkerNumber(number))
    }

    #[test]
    fn the_first_event_starts_all_workers() {
        let mut pool = Pool::new(settings(2));
        assert_eq!(pool.on(Event::Tick, Instant::now()), [spawn(1), spawn(2)]);
    }

    #[test]
    fn at_least_one_worker_is_kept() {
        let scene = Scene::starting(settings(0));
        assert_eq!(scene.alive(), [1]);
    }

    #[test]
    fn a_worker_that_cannot_boot_stops_the_server_instead_of_looping() {
        let mut scene = Scene::starting(settings(2));
        let actions = scene.ends(1, Ending::Code(3));
        let expected = [
            log_end(1, Ending::Code(3)),
            forget(1),
            Action::CloseSockets,
            signal(2, TERM),
        ];
        assert_eq!(actions, expected);
        let actions = scene.ends(2, Ending::Signal(15));
        assert_eq!(actions.last(), Some(&Action::Exit(Cause::BootFailed)));
        assert_eq!(Cause::BootFailed.code(), 3);
    }

    #[test]
    fn at_start_up_a_missing_application_is_code_4_and_any_other_early_death_code_3() {
        let endings = [
            (Ending::Code(4), Cause::LoadFailed),
            (Ending::Code(3), Cause::BootFailed),
            (Ending::Code(1), Cause::BootFailed),
            (Ending::Code(0), Cause::BootFailed),
            (SEGV, Cause::BootFailed),
        ];
        for (ending, cause) in endings {
            let mut scene = Scene::starting(settings(1));
            scene.ends(1, ending);
            assert_eq!(scene.exit, Some(cause), "{ending:?}");
        }
    }

    #[test]
    fn a_booting_worker_that_somebody_killed_is_started_again() {
        let mut scene = Scene::starting(settings(1));
        scene.ends(1, Ending::Signal(9));
        assert!(!scene.pool.is_stopping());
        scene.after(1);
        assert_eq!(scene.alive(), [2]);
    }

    #[test]
    fn a_reload_during_start_up_cannot_stop_a_server_that_serves() {
        let mut scene = Scene::starting(settings(2));
        scene.ready(1);
        scene.on(Event::Reload(None));
        scene.ends(2, Ending::Signal(15));
        scene.ends(3, Ending::Code(3));
        assert!(!scene.pool.is_stopping());
        assert_eq!(scene.serving(), [1]);
    }

    #[test]
    fn a_ready_worker_that_somebody_killed_is_replaced_at_once_however_often() {
        let mut scene = Scene::running(1);
        for number in 1..5 {
            scene.ends(number, Ending::Signal(9));
            assert_eq!(scene.alive(), [number + 1]);
            scene.ready(number + 1);
        }
    }

    #[test]
    fn a_fork_that_fails_at_start_up_stops_the_server() {
        let mut scene = Scene::starting(settings(1));
        scene.on(Event::ForkFailed(WorkerNumber(1)));
        assert_eq!(scene.exit, Some(Cause::BootFailed));
    }

    #[test]
    fn the_first_boot_failure_names_the_cause_even_when_others_follow() {
        let mut scene = Scene::starting(settings(2));
        scene.ends(1, Ending::Code(4));
        scene.ends(2, Ending::Code(3));
        assert_eq!(scene.exit, Some(Cause::LoadFailed));
    }

    #[test]
    fn a_crashed_ready_worker_is_replaced_at_once() {
        let mut scene = Scene::running(2);
        assert_eq!(scene.ends(1, SEGV), [log_end(1, SEGV), forget(1), spawn(3)]);
    }

    #[test]
    fn a_clean_exit_that_nobody_asked_for_is_a_crash_too() {
        let mut scene = Scene::running(1);
        assert_eq!(
            scene.ends(1, CLEAN),
            [log_end(1, CLEAN), forget(1), spawn(2)]
        );
    }

    #[test]
    fn workers_that_die_together_are_all_replaced_at_once() {
        let mut scene = Scene::running(3);
        for number in 1..=3 {
            scene.ends(number, Ending::Signal(9));
        }
        assert_eq!(scene.alive(), [4, 5, 6]);
    }

    #[test]
    fn a_crash_loop_backs_off_and_a_steady_worker_ends_it() {
        let mut scene = Scene::running(1);
        assert_eq!(scene.ends(1, SEGV).last(), Some(&spawn(2)));
        scene.ready(2);
        assert_eq!(
            scene.ends(2, SEGV).last(),
            Some(&spawn(3)),
            "the first accident"
        );
        scene.ready(3);
        assert_eq!(scene.ends(3, SEGV).last(), Some(&forget(3)), "the second");
        assert_eq!(scene.sleeps(), Some(1));
        assert_eq!(scene.after(1), [spawn(4)]);
        scene.ready(4);
        scene.after(STEADY.as_secs());
        assert_eq!(scene.ends(4, SEGV).last(), Some(&spawn(5)));
    }

    #[test]
    fn a_boot_failure_after_start_up_is_retried_with_back_off() {
        let mut scene = Scene::running(1);
        scene.ends(1, SEGV);
        let mut waits = Vec::new();
        for number in 2..10 {
            let actions = scene.ends(number, Ending::Code(3));
            let Some(Action::LogRetry(wait)) = actions.last() else {
                panic!("{actions:?}")
            };
            assert_eq!(scene.after(wait.as_secs() - 1), []);
            assert_eq!(scene.after(1), [spawn(number + 1)]);
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(scene.exit, None);
    }

    #[test]
    fn a_fork_that_fails_after_start_up_is_retried_with_back_off() {
        let mut scene = Scene::running(1);
        scene.ends(1, SEGV);
        assert_eq!(scene.on(Event::ForkFailed(WorkerNumber(2))), [log_retry(1)]);
        assert_eq!(scene.after(1), [spawn(3)]);
    }

    #[test]
    fn a_reload_retires_an_old_worker_only_when_a_new_one_is_ready() {
        let mut scene = Scene::running(2);
        assert_eq!(scene.on(Event::Reload(None)), [spawn(3), spawn(4)]);
        assert_eq!(scene.serving(), [1, 2]);
        assert_eq!(scene.ready(3), [signal(1, TERM)]);
        assert_eq!(scene.ready(4), [signal(2, TERM)]);
        assert_eq!(scene.ends(1, CLEAN), [forget(1)], "no news");
        assert_eq!(scene.ends(2, CLEAN), [forget(2)]);
        assert_eq!(scene.alive(), [3, 4]);
    }

    #[test]
    fn a_reload_that_cannot_boot_leaves_the_old_workers_serving() {
        let mut scene = Scene::running(2);
        scene.on(Event::Reload(None));
        let actions = scene.ends(3, Ending::Code(3));
        assert_eq!(
            actions,
            [log_end(3, Ending::Code(3)), forget(3), log_retry(1)]
        );
        scene.ends(4, Ending::Code(4));
        assert_eq!(scene.alive(), [1, 2]);
        assert_eq!(scene.after(1), [spawn(5), spawn(6)]);
        assert_eq!(scene.exit, None);
        assert_eq!(scene.serving(), [1, 2]);
    }

    #[test]
    fn a_further_reload_retries_a_failed_boot_at_once() {
        let mut scene = Scene::running(1);
        scene.on(Event::Reload(None));
        scene.ends(2, Ending::Code(3));
        assert_eq!(scene.on(Event::Reload(None)), [spawn(3)]);
        assert_eq!(
            scene.ends(3, Ending::Code(3)).last(),
            Some(&log_retry(1)),
            "a fresh count"
        );
    }

    #[test]
    fn two_quick_reloads_end_with_only_the_newest_workers() {
        let mut scene = Scene::running(2);
        scene.on(Event::Reload(None));
        scene.ready(3);
        let actions = scene.on(Event::Reload(None));
        assert_eq!(
            actions,
            [signal(4, TERM), spawn(5), spawn(6)],
            "4 is superseded unborn"
        );
        assert_eq!(scene.serving(), [2, 3]);
        assert_eq!(scene.ready(4), [], "too late");
        scene.ready(5);
        scene.ready(6);
        assert_eq!(scene.serving(), [5, 6]);
        for number in 1..=4 {
            scene.ends(number, Ending::Signal(15));
        }
        assert_eq!(scene.alive(), [5, 6]);
    }

    #[test]
    fn a_reload_may_change_the_number_of_workers() {
        let mut scene = Scene::running(2);
        scene.on(Event::Reload(Some(settings(3))));
        for number in 3..=5 {
            scene.ready(number);
        }
        assert_eq!(scene.serving(), [3, 4, 5]);
        let mut scene = Scene::running(3);
        scene.on(Event::Reload(Some(settings(1))));
        assert_eq!(
            scene.serving(),
            [3],
            "one old worker is enough until the new one serves"
        );
        scene.ready(4);
        assert_eq!(scene.serving(), [4]);
    }

    #[test]
    fn a_boot_failure_is_fatal_until_all_workers_were_ready_once() {
        let mut scene = Scene::starting(settings(2));
        scene.ready(1);
        scene.ends(2, Ending::Code(3));
        assert!(scene.pool.is_stopping());
    }

    #[test]
    fn a_worker_may_ask_for_a_replacement_and_serves_until_it_is_there() {
        let mut scene = Scene::running(2);
        assert_eq!(scene.on(wants(1)), [spawn(3)]);
        assert_eq!(scene.serving(), [1, 2]);
        assert_eq!(scene.ready(3), [signal(1, TERM)]);
    }

    #[test]
    fn a_worker_that_asks_while_it_boots_is_replaced_before_it_serves() {
        let mut scene = Scene::running(1);
        scene.on(wants(1));
        assert_eq!(scene.on(wants(2)), [signal(2, TERM), spawn(3)]);
        assert_eq!(scene.serving(), [1]);
        assert_eq!(scene.ready(3), [signal(1, TERM)]);
    }

    #[test]
    fn a_worker_that_asks_again_has_a_failed_replacement_tried_at_once() {
        let mut scene = Scene::running(1);
        scene.on(wants(1));
        for number in 2..5 {
            scene.ends(number, Ending::Code(3));
            assert_eq!(scene.alive(), [1]);
            assert_eq!(scene.on(wants(1)), [spawn(number + 1)]);
        }
    }

    #[test]
    fn a_worker_that_asked_to_be_replaced_may_leave_by_itself() {
        let mut scene = Scene::running(1);
        scene.on(wants(1));
        assert_eq!(scene.ends(1, CLEAN), [forget(1)]);
        scene.ready(2);
        assert_eq!(scene.alive(), [2]);
    }

    #[test]
    fn more_adds_one_worker() {
        let mut scene = Scene::running(1);
        assert_eq!(scene.on(Event::More), [spawn(2)]);
    }

    #[test]
    fn fewer_retires_the_oldest_worker_but_never_the_last() {
        let mut scene = Scene::running(2);
        assert_eq!(scene.on(Event::Fewer), [signal(1, TERM)]);
        assert_eq!(scene.on(Event::Fewer), []);
    }

    #[test]
    fn fewer_retires_a_worker_that_does_not_serve_yet_before_one_that_does() {
        let mut scene = Scene::running(2);
        scene.on(Event::More);
        assert_eq!(scene.on(Event::Fewer), [signal(3, TERM)]);
        assert_eq!(scene.serving(), [1, 2]);
    }

    #[test]
    fn a_server_is_complete_once_all_its_workers_serve_and_says_so_once() {
        let mut scene = Scene::starting(settings(2));
        scene.ready(1);
        assert_eq!(scene.complete, []);
        scene.ready(2);
        scene.after(1);
        assert_eq!(scene.complete, [2]);
    }

    #[test]
    fn after_a_reload_it_is_complete_when_the_new_workers_serve() {
        let mut scene = Scene::running(2);
        scene.on(Event::Reload(Some(settings(3))));
        scene.ready(3);
        scene.ends(4, Ending::Code(3));
        scene.ready(5);
        assert_eq!(scene.complete, [2], "an old one fills the third place");
        scene.after(1);
        scene.ready(6);
        assert_eq!(scene.complete, [2, 3]);
    }

    #[test]
    fn a_change_of_their_number_makes_it_complete_anew_and_a_crash_does_not() {
        let mut scene = Scene::running(1);
        scene.on(Event::More);
        scene.ready(2);
        scene.on(Event::Fewer);
        assert_eq!(scene.complete, [1, 2, 1]);
        scene.ends(2, SEGV);
        scene.ready(3);
        assert_eq!(scene.complete, [1, 2, 1]);
    }

    #[test]
    fn dismissed_workers_finish_and_nobody_takes_their_place() {
        let mut scene = Scene::running(2);
        scene.on(Event::More);
        let told = [signal(3, TERM), signal(1, TERM), signal(2, TERM)];
        assert_eq!(scene.on(Event::Dismiss), told);
        for number in 1..=3 {
            scene.ends(number, CLEAN);
        }
        assert_eq!((scene.alive(), scene.sleeps()), (vec![], None));
        assert_eq!(scene.on(Event::Fewer), []);
        assert_eq!(scene.exit, None, "the master stays");
        assert_eq!(scene.complete, [2], "nobody is not a server");
    }

    #[test]
    fn a_reload_brings_dismissed_workers_back() {
        for (settings, back) in [(None, 2), (Some(settings(3)), 3)] {
            let mut scene = Scene::running(2);
            scene.on(Event::Dismiss);
            scene.on(Event::Reload(settings));
            for number in 3..3 + back {
                scene.ready(number);
            }
            assert_eq!(scene.serving().len() as u64, back);
        }
    }

    #[test]
    fn after_a_dismissal_one_worker_more_is_one() {
        let mut scene = Scene::running(2);
        scene.on(Event::Dismiss);
        assert_eq!(scene.on(Event::More), [spawn(3)]);
    }

    #[test]
    fn a_stop_without_workers_waits_for_nothing() {
        let mut scene = delaying(1);
        scene.on(Event::Dismiss);
        scene.ends(1, CLEAN);
        let actions = scene.on(Event::Stop(Urgency::Graceful));
        assert_eq!(actions, [Action::CloseSockets, Action::Exit(Cause::Asked)]);
    }

    #[test]
    fn a_server_is_healthy_while_a_worker_serves_or_none_has_to() {
        let mut scene = Scene::starting(settings(1));
        assert!(
            scene.pool.is_healthy(),
            "its start has a time limit of its own"
        );
        scene.ready(1);
        assert!(scene.pool.is_healthy());
        scene.ends(1, SEGV);
        assert!(!scene.pool.is_healthy(), "the next one does not serve yet");
        scene.ready(2);
        assert!(scene.pool.is_healthy());
        scene.on(Event::Dismiss);
        assert!(scene.pool.is_healthy());
        scene.on(Event::Stop(Urgency::Graceful));
        assert!(scene.pool.is_healthy());
    }

    #[test]
    fn a_graceful_stop_kills_only_after_the_workers_own_deadline() {
        let mut scene = Scene::running(2);
        let actions = scene.on(Event::Stop(Urgency::Graceful));
        assert_eq!(
            actions,
            [Action::CloseSockets, signal(1, TERM), signal(2, TERM)]
        );
        assert_eq!(scene.ends(1, CLEAN), [forget(1)]);
        assert_eq!(scene.after(GRACE), []);
        assert_eq!(scene.sleeps(), Some(MARGIN.as_secs()));
        assert_eq!(scene.after(MARGIN.as_secs()), [signal(2, KILL)]);
        assert_eq!(scene.sleeps(), None, "nothing is left to do but wait");
        let killed = Ending::Signal(9);
        let exit = Action::Exit(Cause::Asked);
        assert_eq!(scene.ends(2, killed), [log_end(2, killed), forget(2), exit]);
    }

    #[test]
    fn a_fast_stop_kills_after_two_seconds() {
        let mut scene = Scene::running(1);
        let actions = scene.on(Event::Stop(Urgency::Fast));
        assert_eq!(actions, [Action::CloseSockets, signal(1, QUIT)]);
        assert_eq!(scene.after(1), []);
        assert_eq!(scene.after(1), [signal(1, KILL)]);
    }

    const DELAY: u64 = 20;

    /// All workers are ready, and the stop is to be put off.
    fn delaying(workers: usize) -> Scene {
        let mut scene = Scene::running(workers);
        scene.pool.settings.drain_delay = Duration::from_secs(DELAY);
        scene
    }

    #[test]
    fn a_stop_that_is_put_off_leaves_everything_as_it_was_until_it_is_time() {
        let mut scene = delaying(2);
        let announced = Action::LogDelay(Duration::from_secs(DELAY));
        assert_eq!(scene.on(Event::Stop(Urgency::Graceful)), [announced]);
        assert_eq!(scene.ends(1, SEGV), [log_end(1, SEGV), forget(1), spawn(3)]);
        scene.ready(3);
        for number in [2, 3] {
            scene.on(Event::Heard(
                WorkerNumber(number),
                scene.now + Duration::from_secs(DELAY),
            ));
        }
        assert_eq!(scene.sleeps(), Some(DELAY));
        assert_eq!(scene.after(DELAY - 1), []);
        let ended = [Action::CloseSockets, signal(2, TERM), signal(3, TERM)];
        assert_eq!(scene.after(1), ended);
        assert_eq!(scene.sleeps(), Some(GRACE + 1));
    }

    #[test]
    fn whoever_asks_again_does_not_wait() {
        for (urgency, sent) in [(Urgency::Graceful, TERM), (Urgency::Fast, QUIT)] {
            let mut scene = delaying(1);
            scene.on(Event::Stop(Urgency::Graceful));
            let ended = [Action::CloseSockets, signal(1, sent)];
            assert_eq!(scene.on(Event::Stop(urgency)), ended, "{urgency:?}");
        }
    }

    #[test]
    fn only_a_patient_stop_of_a_server_that_serves_is_put_off() {
        let ended = |sent| [Action::CloseSockets, signal(1, sent)];
        assert_eq!(delaying(1).on(Event::Stop(Urgency::Fast)), ended(QUIT));
        let mut scene = Scene::starting(Settings {
            drain_delay: Duration::from_secs(DELAY),
            ..settings(1)
        });
        assert_eq!(scene.on(Event::Stop(Urgency::Graceful)), ended(TERM));
    }

    #[test]
    fn a_reload_has_no_meaning_while_a_stop_is_put_off() {
        let mut scene = delaying(1);
        scene.on(Event::Stop(Urgency::Graceful));
        assert!(scene.pool.is_leaving());
        assert_eq!(scene.on(Event::Reload(None)), []);
        assert_eq!(scene.alive(), [1]);
    }

    #[test]
    fn a_fast_stop_overtakes_a_graceful_one_but_not_the_other_way_round() {
        let mut scene = Scene::running(1);
        scene.on(Event::Stop(Urgency::Graceful));
        assert_eq!(scene.on(Event::Stop(Urgency::Graceful)), []);
        assert_eq!(scene.on(Event::Stop(Urgency::Fast)), [signal(1, QUIT)]);
        assert_eq!(scene.on(Event::Stop(Urgency::Fast)), []);
        assert_eq!(scene.on(Event::Stop(Urgency::Graceful)), []);
        assert_eq!(scene.after(2), [signal(1, KILL)]);
    }

    #[test]
    fn a_stop_starts_no_worker_whatever_happens() {
        let mut scene = Scene::running(2);
        scene.on(Event::Stop(Urgency::Graceful));
        assert_eq!(scene.on(Event::Reload(Some(settings(9)))), []);
        assert_eq!(scene.on(Event::More), []);
        assert_eq!(scene.ends(1, SEGV), [log_end(1, SEGV), forget(1)]);
        assert_eq!(
            scene.ends(2, CLEAN),
            [forget(2), Action::Exit(Cause::Asked)]
        );
        assert_eq!(scene.on(Event::Tick), [], "the exit is said once");
    }

    #[test]
    fn a_silent_worker_is_aborted_then_killed_and_replaced() {
        let mut scene = Scene::running(1);
        let heard = Event::Heard(WorkerNumber(1), scene.now);
        scene.on(heard);
        assert_eq!(scene.sleeps(), Some(TIMEOUT));
        assert_eq!(scene.after(TIMEOUT - 1), []);
        let silence = Action::LogSilence(WorkerNumber(1));
        assert_eq!(scene.after(1), [silence, signal(1, ABRT), spawn(2)]);
        assert_eq!(scene.after(1), []);
        assert_eq!(scene.after(1), [signal(1, KILL)]);
    }

    #[test]
    fn an_older_heartbeat_does_not_undo_a_newer_one() {
        let mut scene = Scene::running(1);
        let earlier = scene.now - Duration::from_secs(3);
        scene.on(Event::Heard(WorkerNumber(1), scene.now));
        scene.on(Event::Heard(WorkerNumber(1), earlier));
        assert_eq!(scene.sleeps(), Some(TIMEOUT));
    }

    #[test]
    fn without_timeouts_an_idle_master_sleeps_for_ever() {
        let mut scene = Scene::starting(Settings {
            timeout: Duration::ZERO,
            ..settings(1)
        });
        assert_eq!(scene.sleeps(), None);
        scene.ready(1);
        assert_eq!(scene.sleeps(), None);
        assert_eq!(scene.after(1_000_000), []);
    }

    #[test]
    fn a_worker_that_never_boots_is_aborted_at_its_deadline() {
        let boot_timeout = Duration::from_secs(5);
        let mut scene = Scene::starting(Settings {
            boot_timeout,
            ..settings(1)
        });
        let silence = Action::LogSilence(WorkerNumber(1));
        let expected = [silence, signal(1, ABRT), Action::CloseSockets];
        assert_eq!(scene.after(5), expected);
        assert_eq!(scene.after(2), [signal(1, KILL)]);
        scene.ends(1, Ending::Signal(9));
        assert_eq!(scene.exit, Some(Cause::BootFailed));
    }

    #[test]
    fn a_worker_that_never_boots_after_a_reload_is_retried() {
        let mut scene = Scene::running(1);
        let boot_timeout = Duration::from_secs(5);
        scene.on(Event::Reload(Some(Settings {
            boot_timeout,
            timeout: Duration::ZERO,
            ..settings(1)
        })));
        let silence = Action::LogSilence(WorkerNumber(2));
        assert_eq!(scene.after(5), [silence, signal(2, ABRT), log_retry(1)]);
        assert_eq!(scene.after(1), [spawn(3)]);
        assert_eq!(scene.serving(), [1]);
    }

    #[test]
    fn a_master_that_overslept_blames_no_worker() {
        let mut scene = Scene::running(1);
        scene.now += Duration::from_secs(1000);
        assert_eq!(scene.on(Event::Overslept), []);
        assert_eq!(scene.after(TIMEOUT - 1), []);
    }

    #[test]
    fn a_worker_that_boots_while_logs_move_is_told_when_it_is_ready() {
        let mut scene = Scene::running(1);
        scene.on(Event::More);
        let usr1 = Signal::SIGUSR1;
        assert_eq!(scene.on(Event::ReopenLogs), [signal(1, usr1)]);
        assert_eq!(scene.ready(2), [signal(2, usr1)]);
    }

    #[test]
    fn a_full_machine_makes_new_workers_wait_for_an_end() {
        let mut scene = Scene::starting(Settings {
            timeout: Duration::ZERO,
            ..settings(MOST_WORKERS)
        });
        for _ in 0..5 {
            scene.on(Event::Reload(None)); // each retires a thousand that ignore it
        }
        assert_eq!(scene.alive.len(), CAPACITY);
        assert_eq!(
            scene.sleeps(),
            Some(GRACE + 1),
            "no busy loop over what cannot start"
        );
        scene.ends(1, CLEAN);
        assert_eq!(scene.alive.len(), CAPACITY);
    }

    /// One thing the world may do; the number picks a worker among those it can happen to.
    #[derive(Clone, Copy, Debug)]
    enum Move {
        Beat(usize),
        End(usize, i32),
        Fewer,
        ForkFails,
        More,
        Ready(usize),
        Reload(Option<usize>),
        Usr1,
        Wait(u64),
        Wants(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let any_worker = 0..64_usize;
        let one = prop_oneof![
            1 => any_worker.clone().prop_map(Move::Beat),
            1 => (any_worker.clone(), 0..5).prop_map(|(n, code)| Move::End(n, code)),
            1 => Just(Move::Fewer),
            1 => Just(Move::ForkFails),
            1 => Just(Move::More),
            4 => any_worker.clone().prop_map(Move::Ready),
            1 => prop::option::of(1..6_usize).prop_map(Move::Reload),
            1 => Just(Move::Usr1),
            1 => (0..8_u64).prop_map(Move::Wait),
            1 => any_worker.prop_map(Move::Wants),
        ];
        prop::collection::vec(one, 0..120)
    }

    impl Scene {
        fn play(&mut self, step: Move) {
            let alive = self.alive();
            let pick = |n: usize| WorkerNumber(*alive.get(n % alive.len().max(1)).unwrap_or(&0));
            let actions = match step {
                Move::Beat(n) => self.on(Event::Heard(pick(n), self.now)),
                Move::End(n, code) => self.ends(pick(n).0, Ending::Code(code)),
                Move::Fewer => self.on(Event::Fewer),
                Move::ForkFails => self.fail_a_fork(),
                Move::More => self.on(Event::More),
                Move::Ready(n) => self.ready(pick(n).0),
                Move::Reload(n) => self.on(Event::Reload(n.map(settings))),
                Move::Usr1 => self.on(Event::ReopenLogs),
                Move::Wait(seconds) => self.after(seconds),
                Move::Wants(n) => self.on(wants(pick(n).0)),
            };
            self.check(&actions);
        }

        /// A fork can fail only between the decision to spawn and any other event.
        fn fail_a_fork(&mut self) -> Vec<Action> {
            let spawned = self
                .on(Event::More)
                .into_iter()
                .find_map(|action| match action {
                    Action::Spawn(number) => Some(number),
                    _ => None,
                });
            spawned.map_or_else(Vec::new, |number| {
                self.alive.remove(&number.0);
                self.on(Event::ForkFailed(number))
            })
        }

        fn check(&self, actions: &[Action]) {
            let target = self.pool.target;
            let counted = self.pool.numbers(Worker::is_counted).len();
            let ready = self.pool.numbers(Worker::is_ready).len();
            let known = self.pool.numbers(|_| true);
            assert_eq!(known.iter().map(|n| n.0).collect::<Vec<_>>(), self.alive());
            if self.pool.is_stopping() {
                assert!(!actions.iter().any(|a| matches!(a, Action::Spawn(_))));
                return;
            }
            assert_eq!(
                counted + self.pool.vacancies.len(),
                target,
                "every place is accounted for"
            );
            assert!(ready <= target, "{ready} serve where {target} should");
            // A retirement never cuts into the workers that should serve.
            let cut = |a: &Action| matches!(a, Action::Signal(n, TERM) if self.ever.contains(&n.0));
            assert!(
                ready >= target || !actions.iter().any(cut),
                "{actions:?} leaves {ready}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_pool_keeps_its_promises_whatever_happens(
            workers in 1..6_usize,
            steps in moves(),
            urgency in prop_oneof![Just(Urgency::Fast), Just(Urgency::Graceful)],
        ) {
            let mut scene = Scene::starting(settings(workers));
            for step in steps {
                scene.play(step);
            }
            scene.on(Event::Stop(urgency));
            for number in scene.alive() {
                prop_assert_eq!(scene.exit, None);
                scene.ends(number, CLEAN);
            }
            prop_assert!(scene.exit.is_some());
            prop_assert_eq!(scene.on(Event::Tick), []);
            prop_assert_eq!(scene.sleeps(), None);
        }

        #[test]
        fn quick_reloads_never_cut_into_service_and_always_settle(
            workers in 1..6_usize,
            steps in prop::collection::vec(prop_oneof![
                1 => Just(Move::Reload(None)),
                2 => (0..64_usize).prop_map(Move::Ready),
            ], 0..60),
        ) {
            let mut scene = Scene::running(workers);
            for step in steps {
                scene.play(step);
                prop_assert!(scene.serving().len() >= workers);
            }
            for number in scene.alive() {
                scene.ready(number);
            }
            let newest = scene.serving();
            prop_assert_eq!(newest.len(), workers);
            let counted = scene.pool.numbers(Worker::is_counted);
            prop_assert_eq!(counted.iter().map(|n| n.0).collect::<Vec<_>>(), newest);
        }
    }
}
