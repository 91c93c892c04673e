//! The steps of an expression: each makes one value of another, or a yes or no.

use super::{Thrown, call, number};
use crate::{
    refusal::Refusal,
    types::Type,
    value::{Dyn, length},
};

/// A step that makes a value. For null a step gives null unless it says otherwise.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Upper,
    Lower,
    Append(String),
    Prepend(String),
    /// At most the first `n` characters.
    Prefix(usize),
    /// At most the last `n` characters.
    Suffix(usize),
    /// The n-th word from 0.
    Word(usize),
    NullIfLongerThan(i64),
    Length,
    Parse,
    Add(i64),
    Multiply(i64),
    /// The floor modulus: the sign of the argument.
    Modulo(i64),
    Text,
    /// The text, also for null.
    Constant(String),
    Null,
    NullIf(String),
    /// The text for null.
    IfNull(String),
    ThrowIf(String),
    WindowedKey,
    WindowStart,
    WindowEnd,
}

/// The last step of a predicate. For null all but the last four are false.
#[derive(Clone, Debug)]
pub(super) enum Test {
    GreaterThan(i64),
    LessThan(i64),
    Even,
    Contains(String),
    StartsWith(String),
    Equals(String),
    IsNull,
    NotNull,
    Always,
    Never,
}

impl Step {
    /// Reads a step that is applied to a value of type `ty`; gives the type it makes. `None`: no
    /// step of this name makes a value.
    pub(super) fn parse(text: &str, ty: &Type) -> Result<Option<(Self, Type)>, Refusal> {
        let (name, argument) = call(text);
        let owned = || argument.to_owned();
        let step = match name {
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "append" => Self::Append(owned()),
            "prepend" => Self::Prepend(owned()),
            "prefix" => Self::Prefix(number(argument, text)?),
            "suffix" => Self::Suffix(number(argument, text)?),
            "word" => Self::Word(number(argument, text)?),
            "nullIfLenGt" => Self::NullIfLongerThan(number(argument, text)?),
            "len" => Self::Length,
            "parse" => Self::Parse,
            "add" => Self::Add(number(argument, text)?),
            "mul" => Self::Multiply(number(argument, text)?),
            "mod" => Self::Modulo(number(argument, text)?),
            "str" => Self::Text,
            "const" => Self::Constant(owned()),
            "null" => Self::Null,
            "nullIf" => Self::NullIf(owned()),
            "ifNull" => Self::IfNull(owned()),
            "throwIf" => Self::ThrowIf(owned()),
            "wkey" => Self::WindowedKey,
            "wstart" => Self::WindowStart,
            "wend" => Self::WindowEnd,
            _ => return Ok(None),
        };
        let made = step.made_of(ty).ok_or_else(|| {
            Refusal::invalid(format!("`{text}` cannot be applied to a value of type {ty}"))
        })?;
        Ok(Some((step, made)))
    }

    /// The type of the result, `None` if the step does not apply to `ty`.
    fn made_of(&self, ty: &Type) -> Option<Type> {
        let text = *ty == Type::Text;
        match self {
            Self::Upper | Self::Lower | Self::Append(_) | Self::Prepend(_) => {
                text.then_some(Type::Text)
            }
            Self::Prefix(_) | Self::Suffix(_) | Self::Word(_) | Self::NullIfLongerThan(_) => {
                text.then_some(Type::Text)
            }
            Self::IfNull(_) => text.then_some(Type::Text),
            Self::Length | Self::Parse => text.then_some(Type::Long),
            Self::Add(_) | Self::Multiply(_) | Self::Modulo(_) => {
                (*ty == Type::Long).then_some(Type::Long)
            }
            Self::Text | Self::Constant(_) => Some(Type::Text),
            Self::Null | Self::NullIf(_) | Self::ThrowIf(_) => {
                (!ty.is_windowed()).then(|| ty.clone())
            }
            Self::WindowedKey => ty.inner().cloned(),
            Self::WindowStart | Self::WindowEnd => ty.is_windowed().then_some(Type::Long),
        }
    }

    /// Applies the step.
    pub(super) fn apply(&self, value: Dyn) -> Result<Dyn, Thrown> {
        match (self, value) {
            (Self::Constant(text), _) => Ok(text.as_str().into()),
            (Self::IfNull(text), Dyn::Null) => Ok(text.as_str().into()),
            (_, Dyn::Null) | (Self::Null, _) => Ok(Dyn::Null),
            (Self::IfNull(_), value) => Ok(value),
            (Self::Text, value) => Ok(value.text().as_ref().into()),
            (Self::NullIf(text), value) => {
                Ok(if value.text() == *text { Dyn::Null } else { value })
            }
            (Self::ThrowIf(text), value) if value.text() == *text => Err(Thrown(text.clone())),
            (Self::ThrowIf(_), value) => Ok(value),
            (step, Dyn::Text(text)) => Ok(step.apply_to_text(text)),
            (step, Dyn::Long(number)) => Ok(step.apply_to_number(number)),
            (Self::WindowStart, Dyn::Windowed(it)) => Ok(it.start.into()),
            (Self::WindowEnd, Dyn::Windowed(it)) => Ok(it.end.into()),
            (_, Dyn::Windowed(it)) => Ok(it.key),
        }
    }

    fn apply_to_text(&self, text: String) -> Dyn {
        match self {
            Self::Upper => text.to_ascii_uppercase().into(),
            Self::Lower => text.to_ascii_lowercase().into(),
            Self::Append(more) => (text + more).into(),
            Self::Prepend(more) => format!("{more}{text}").into(),
            Self::Prefix(n) => text.chars().take(*n).collect::<String>().into(),
            Self::Suffix(n) => {
                let skipped = text.chars().count().saturating_sub(*n);
                text.chars().skip(skipped).collect::<String>().into()
            }
            Self::Word(n) => words(&text).nth(*n).map_or(Dyn::Null, Dyn::from),
            Self::NullIfLongerThan(n) if length(&text) > *n => Dyn::Null,
            Self::Length => length(&text).into(),
            Self::Parse => parse_long(&text).map_or(Dyn::Null, Dyn::Long),
            _ => text.into(),
        }
    }

    fn apply_to_number(&self, number: i64) -> Dyn {
        match self {
            Self::Add(n) => number.wrapping_add(*n).into(),
            Self::Multiply(n) => number.wrapping_mul(*n).into(),
            Self::Modulo(n) => floor_mod(number, *n).into(),
            _ => number.into(),
        }
    }
}

impl Test {
    /// Reads the test at the end of a predicate over a value of type `ty`. `None`: no such test.
    pub(super) fn parse(text: &str, ty: &Type) -> Result<Option<Self>, Refusal> {
        let (name, argument) = call(text);
        let (test, needed) = match name {
            "gt" => (Self::GreaterThan(number(argument, text)?), Some(Type::Long)),
            "lt" => (Self::LessThan(number(argument, text)?), Some(Type::Long)),
            "even" => (Self::Even, Some(Type::Long)),
            "contains" => (Self::Contains(argument.to_owned()), Some(Type::Text)),
            "startsWith" => (Self::StartsWith(argument.to_owned()), Some(Type::Text)),
            "eq" => (Self::Equals(argument.to_owned()), None),
            "isNull" => (Self::IsNull, None),
            "notNull" => (Self::NotNull, None),
            "true" => (Self::Always, None),
            "false" => (Self::Never, None),
            _ => return Ok(None),
        };
        if needed.is_some_and(|needed| needed != *ty) {
            let what = format!("`{text}` cannot be applied to a value of type {ty}");
            return Err(Refusal::invalid(what));
        }
        Ok(Some(test))
    }

    /// Whether the test holds.
    pub(super) fn holds(&self, value: &Dyn) -> bool {
        match (self, value) {
            (Self::IsNull, value) => value.is_null(),
            (Self::NotNull, value) => !value.is_null(),
            (Self::Always, _) => true,
            (Self::Never, _) | (_, Dyn::Null) => false,
            (Self::Equals(text), value) => value.text() == *text,
            (Self::GreaterThan(n), Dyn::Long(number)) => number > n,
            (Self::LessThan(n), Dyn::Long(number)) => number < n,
            (Self::Even, Dyn::Long(number)) => number & 1 == 0,
            (Self::Contains(part), Dyn::Text(text)) => text.contains(part),
            (Self::StartsWith(part), Dyn::Text(text)) => text.starts_with(part),
            _ => false,
        }
    }
}

/// The words of a text, separated by spaces; empty words do not count.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// Decimal digits after an optional `-`, at most 18 characters in all.
pub fn parse_long(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let well_formed = text.len() <= 18 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

/// The remainder with the sign of the divisor.
fn floor_mod(number: i64, divisor: i64) -> i64 {
    let remainder = number.wrapping_rem(divisor);
    if remainder != 0 && (remainder < 0) != (divisor < 0) { remainder + divisor } else { remainder }
}
