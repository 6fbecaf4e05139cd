//! The worker pool: a pure state machine, and the thin loop that forks, watches and restarts.
