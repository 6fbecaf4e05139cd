//! Telling an application that its client left, although it did not: the
//! server is about to end, and an endless answer has to as well.

use std::cell::Cell;

/// How far one application's farewell is.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    stage: Cell<Stage>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    /// There is none.
    #[default]
    None,
    /// Due as soon as the application has had its request's body and asks
    /// what is next.
    Due,
    /// The application was told.
    Told,
}

impl Farewell {
    /// Makes it new for another exchange.
    pub(crate) fn reset(&self) {
        self.stage.set(Stage::None);
    }

    /// Has the application told when it asks. A second call changes nothing.
    pub(crate) fn bid(&self) {
        if self.stage.get() == Stage::None {
            self.stage.set(Stage::Due);
        }
    }

    /// Whether to say it to the application that asks; it then was told.
    pub(crate) fn say(&self) -> bool {
        let due = self.stage.get() != Stage::None;
        if due {
            self.stage.set(Stage::Told);
        }
        due
    }

    /// Whether the application was told.
    pub(crate) fn was_said(&self) -> bool {
        self.stage.get() == Stage::Told
    }
}
