//! What checks of many settings share: numbers in their range, words out of a few, and what to
//! say of those that are not.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::Figment;

use super::Checked;
use crate::failure::Failure;
use crate::failure::WrongValue;
use crate::layers;
use crate::settings::SPECS;
use crate::settings::Spec;
use crate::value;

impl Checked<'_> {
    pub(super) fn seconds(&self, setting: &str, value: u64) -> Result<Duration, Failure> {
        let seconds: u32 = self.count(setting, value, 0..=LONGEST)?;
        Ok(Duration::from_secs(seconds.into()))
    }

    /// Seconds, of which 0 are for ever.
    pub(super) fn patience(&self, setting: &str, value: u64) -> Result<Option<Duration>, Failure> {
        let limit = self.seconds(setting, value)?;
        Ok((!limit.is_zero()).then_some(limit))
    }

    /// A number of things, of which 0 is any number.
    pub(super) fn most(&self, setting: &str, value: u64) -> Result<Option<NonZeroUsize>, Failure> {
        Ok(NonZeroUsize::new(self.count(
            setting,
            value,
            0..=LONGEST,
        )?))
    }

    pub(super) fn count<T: TryFrom<u64>>(
        &self,
        setting: &str,
        value: u64,
        allowed: RangeInclusive<u64>,
    ) -> Result<T, Failure> {
        let range = format!(
            "must be a whole number from {} to {}",
            allowed.start(),
            allowed.end()
        );
        let checked = T::try_from(value).ok().filter(|_| allowed.contains(&value));
        checked.ok_or_else(|| self.wrong(setting, &value.to_string(), &range))
    }

    pub(super) fn one_of<T: Copy>(
        &self,
        setting: &str,
        value: &str,
        choices: &[(&str, T)],
    ) -> Result<T, Failure> {
        let found = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(value));
        let names = || {
            choices
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (_, choice) = found
            .ok_or_else(|| self.wrong(setting, value, &format!("must be one of {}", names())))?;
        Ok(*choice)
    }

    /// Whether anybody set it, be it to its default.
    pub(super) fn was_given(&self, setting: &str) -> bool {
        let source = self.figment.find_metadata(setting);
        source.is_some_and(|source| source.name != layers::DEFAULTS)
    }

    pub(super) fn wrong(&self, setting: &str, value: &str, problem: &str) -> Failure {
        wrong(self.figment, setting, value, problem)
    }

    /// Refuses what would be dangerous to go on without.
    pub(super) fn refuse_what_is_missing(&self) -> Result<(), Failure> {
        let settings = &self.settings;
        if !settings.protocol.eq_ignore_ascii_case("uwsgi") {
            return self.one_of("protocol", &settings.protocol, &[("http", ())]);
        }
        Err(self.wrong("protocol", &settings.protocol, NO_UWSGI))
    }

    /// Warns of settings that were changed and change nothing.
    pub(super) fn warn_of_no_effect(&mut self) {
        for spec in SPECS {
            if let Some(reason) = spec.no_effect() {
                self.warn_if_changed(spec, reason);
            }
        }
    }

    /// Warns of a setting that changes nothing, for `reason`, if it differs from its default.
    pub(super) fn warn_if_changed(&mut self, spec: &Spec, reason: &str) {
        let Ok(set) = self.figment.find_value(spec.name) else {
            return;
        };
        let usual = spec
            .default
            .and_then(|text| value::from_text(spec.kind, text));
        let origin = self.figment.get_metadata(set.tag());
        let unset = set.to_empty().is_some();
        if let (Some(origin), false) = (origin, unset || usual.as_ref() == Some(&set)) {
            self.warnings.push(format!(
                "{}: {} has no effect: {reason}",
                origin.name, spec.name
            ));
        }
    }
}

const NO_UWSGI: &str = "the uwsgi protocol is not there yet: let the proxy speak HTTP";

/// Says that a setting cannot have this value.
pub(super) fn wrong(figment: &Figment, setting: &str, value: &str, problem: &str) -> Failure {
    let source = figment
        .find_metadata(setting)
        .map_or("an unknown source", |metadata| &metadata.name);
    match Spec::named(setting) {
        Some(spec) => Failure::Value(WrongValue::of_text(spec, value, source, problem)),
        None => Failure::Config(format!("{setting} = '{value}': {problem}")),
    }
}

/// What the supervisor can look after.
pub(super) const MOST_WORKERS: u64 = 1024;
/// About 30 years: far enough from what the clock's arithmetic can hold.
pub(super) const LONGEST: u64 = 1_000_000_000;
