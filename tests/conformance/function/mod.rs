//! The function library of the scenario language: functions are texts such as `v|upper|append:!`,
//! type-checked when a topology is built.

mod aggregate;
mod expression;
mod join;
mod list;
mod step;

pub use self::{
    aggregate::{Aggregator, Reducer},
    expression::{Expression, Predicate},
    join::Joiner,
    list::ListFunction,
    step::parse_long,
};
use crate::refusal::Refusal;
use std::fmt;

/// What `throwIf` throws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thrown(String);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "throwIf:{}", self.0)
    }
}

impl std::error::Error for Thrown {}

/// Parts `name:argument`; the argument is empty if there is none.
fn call(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

/// A number as the argument of a function.
fn number<N: std::str::FromStr>(argument: &str, whole: &str) -> Result<N, Refusal> {
    argument.parse().map_err(|_| Refusal::invalid(format!("no number in `{whole}`")))
}
