//! One property, read as what its key asks for.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use super::config_error;
use crate::error::StreamsError;

/// The text of a value, and the key it was given for.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

impl Value<'_> {
    pub(super) fn refuse(self, rule: &str) -> StreamsError {
        config_error(format!("{} is {:?}: {rule}", self.key, self.text))
    }

    /// An integer of the range that the refusal names.
    pub(super) fn int<T>(self, range: RangeInclusive<i64>) -> Result<T, StreamsError>
    where
        T: TryFrom<i64>,
    {
        let number = i64::from_str(self.text).ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            let rule = match (*range.start(), *range.end()) {
                (low, i64::MAX) => format!("a whole number of at least {low} is expected"),
                (low, high) => format!("a whole number from {low} to {high} is expected"),
            };
            self.refuse(&rule)
        })
    }

    /// Milliseconds, of at least `least`.
    pub(super) fn millis(self, least: i64) -> Result<Duration, StreamsError> {
        self.int::<u64>(least..=i64::MAX).map(Duration::from_millis)
    }

    pub(super) fn bytes(self, least: i64) -> Result<usize, StreamsError> {
        self.int(least..=i64::MAX)
    }

    pub(super) fn bool(self) -> Result<bool, StreamsError> {
        match self.text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.refuse("true or false is expected")),
        }
    }

    /// The choice that the text names; a Java class is named by its simple name too.
    pub(super) fn choice<T: Copy>(self, choices: &[(&str, T)]) -> Result<T, StreamsError> {
        let simple = self.text.rsplit(['.', '$']).next().unwrap_or(self.text);
        let found = choices.iter().find(|(name, _)| *name == self.text || *name == simple);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.refuse(&format!("one of {} is expected", names.join(", ")))
        })
    }
}
