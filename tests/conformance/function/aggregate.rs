//! Reducers and aggregators.

use super::{call, number};
use crate::{
    refusal::Refusal,
    types::Type,
    value::{Dyn, length},
};

/// `R(a, v)`, both of the value type.
#[derive(Clone, Debug)]
pub struct Reducer(Fold);

/// `A(k, v, aggregate)`.
#[derive(Clone, Debug)]
pub struct Aggregator {
    fold: Fold,
    with_key: bool,
}

#[derive(Clone, Copy, Debug)]
enum Fold {
    First,
    Last,
    Max,
    Min,
    /// Joined by a separator; null if the result is longer than the limit.
    Concat(char, Option<i64>),
    /// The sum; null if it equals the number.
    Sum(Option<i64>),
    Sub,
    Count,
    Uncount,
}

/// Reads what reducers and aggregators have in common.
fn fold(text: &str) -> Result<Option<Fold>, Refusal> {
    let (name, argument) = call(text);
    Ok(Some(match name {
        "max" => Fold::Max,
        "min" => Fold::Min,
        "concat" => Fold::Concat('+', None),
        "minus" => Fold::Concat('-', None),
        "concatCap" => Fold::Concat('+', Some(number(argument, text)?)),
        "sum" => Fold::Sum(None),
        "sumNullIf" => Fold::Sum(Some(number(argument, text)?)),
        "sub" => Fold::Sub,
        _ => return Ok(None),
    }))
}

/// `text`, or null if there is a limit and the text is longer.
fn capped(text: String, limit: Option<i64>) -> Dyn {
    if limit.is_some_and(|limit| length(&text) > limit) { Dyn::Null } else { text.into() }
}

/// `sum`, or null if it is the excluded number.
fn unless(sum: i64, excluded: Option<i64>) -> Dyn {
    if excluded == Some(sum) { Dyn::Null } else { sum.into() }
}

impl Reducer {
    /// Reads a reducer of values of type `value`.
    pub fn parse(text: &str, value: &Type) -> Result<Self, Refusal> {
        let fold = match text {
            "first" => Fold::First,
            "last" => Fold::Last,
            _ => fold(text)?.ok_or_else(|| Refusal::invalid(format!("reducer {text}")))?,
        };
        let fits = match fold {
            Fold::Concat(..) => *value == Type::Text,
            Fold::Sum(_) | Fold::Sub => *value == Type::Long,
            _ => true,
        };
        let refused = || Refusal::invalid(format!("reducer {text} over {value}"));
        fits.then_some(Self(fold)).ok_or_else(refused)
    }

    /// The reduced value.
    pub fn apply(&self, a: &Dyn, v: &Dyn) -> Dyn {
        match self.0 {
            Fold::Max if a.is_null() => v.clone(),
            Fold::Min if a.is_null() => v.clone(),
            Fold::Max | Fold::Min if v.is_null() => a.clone(),
            Fold::Max => if a >= v { a } else { v }.clone(),
            Fold::Min => if a <= v { a } else { v }.clone(),
            Fold::Concat(by, limit) => capped(format!("{}{by}{}", a.text(), v.text()), limit),
            Fold::Sum(excluded) => unless(a.number().wrapping_add(v.number()), excluded),
            Fold::Sub => a.number().wrapping_sub(v.number()).into(),
            Fold::Last => v.clone(),
            Fold::First | Fold::Count | Fold::Uncount => a.clone(),
        }
    }
}

impl Aggregator {
    /// Reads an aggregator.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let with_key = text == "concatKey";
        let fold = match text {
            "count" => Fold::Count,
            "uncount" => Fold::Uncount,
            "concatKey" => Fold::Concat('+', None),
            _ => {
                fold(text)?.ok_or_else(|| Refusal::invalid(format!("unknown aggregator {text}")))?
            }
        };
        Ok(Self { fold, with_key })
    }

    /// The type of the aggregate.
    pub fn ty(&self) -> Type {
        if matches!(self.fold, Fold::Concat(..)) { Type::Text } else { Type::Long }
    }

    /// The new aggregate. A null aggregate counts as the empty text or as 0.
    pub fn apply(&self, key: &Dyn, value: &Dyn, aggregate: &Dyn) -> Dyn {
        let sum = aggregate.number();
        match self.fold {
            Fold::Concat(by, limit) => {
                let so_far = if aggregate.is_null() { "".into() } else { aggregate.text() };
                let more = value.text();
                if self.with_key {
                    format!("{so_far}{by}{}:{more}", key.text()).into()
                } else {
                    capped(format!("{so_far}{by}{more}"), limit)
                }
            }
            Fold::Sum(excluded) => unless(sum.wrapping_add(value.number()), excluded),
            Fold::Sub => sum.wrapping_sub(value.number()).into(),
            Fold::Count => sum.wrapping_add(1).into(),
            Fold::Uncount => sum.wrapping_sub(1).into(),
            Fold::Max | Fold::Min if aggregate.is_null() => value.number().into(),
            Fold::Max => sum.max(value.number()).into(),
            Fold::Min => sum.min(value.number()).into(),
            Fold::First | Fold::Last => aggregate.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(text: &str, a: impl Into<Dyn>, v: impl Into<Dyn>) -> Dyn {
        let (a, v) = (a.into(), v.into());
        let long = matches!(a, Dyn::Long(_)) || matches!(v, Dyn::Long(_));
        Reducer::parse(text, if long { &Type::Long } else { &Type::Text }).unwrap().apply(&a, &v)
    }

    fn aggregate(text: &str, value: impl Into<Dyn>, aggregate: impl Into<Dyn>) -> Dyn {
        let aggregator = Aggregator::parse(text).unwrap();
        aggregator.apply(&"k".into(), &value.into(), &aggregate.into())
    }

    #[test]
    fn reducers_follow_the_table() {
        assert_eq!(reduce("first", "a", "b"), "a".into());
        assert_eq!(reduce("last", "a", "b"), "b".into());
        assert_eq!(reduce("max", "a", "b"), "b".into());
        assert_eq!(reduce("min", 3, 4), 3.into());
        assert_eq!(reduce("max", Dyn::Null, "b"), "b".into());
        assert_eq!(reduce("min", "a", Dyn::Null), "a".into());
        assert_eq!(reduce("concat", "a", Dyn::Null), "a+null".into());
        assert_eq!(reduce("minus", "a", "b"), "a-b".into());
        assert_eq!(reduce("concatCap:3", "a", "b"), "a+b".into());
        assert_eq!(reduce("concatCap:2", "a", "b"), Dyn::Null);
        assert_eq!(reduce("sum", i64::MAX, 1), i64::MIN.into());
        assert_eq!(reduce("sub", 1, Dyn::Null), 1.into());
        assert_eq!(reduce("sumNullIf:3", 1, 2), Dyn::Null);
        assert_eq!(reduce("sumNullIf:3", 1, 3), 4.into());
    }

    #[test]
    fn aggregators_take_null_for_the_empty_text_or_zero() {
        assert_eq!(aggregate("concat", "v", Dyn::Null), "+v".into());
        assert_eq!(aggregate("concat", Dyn::Null, "a"), "a+null".into());
        assert_eq!(aggregate("minus", 1, "a"), "a-1".into());
        assert_eq!(aggregate("concatKey", "v", "a"), "a+k:v".into());
        assert_eq!(aggregate("concatCap:1", "v", "a"), Dyn::Null);
        assert_eq!(aggregate("sum", "abc", Dyn::Null), 3.into());
        assert_eq!(aggregate("sub", 2, 5), 3.into());
        assert_eq!(aggregate("count", Dyn::Null, 5), 6.into());
        assert_eq!(aggregate("uncount", "v", Dyn::Null), (-1).into());
        assert_eq!(aggregate("max", -4, Dyn::Null), (-4).into());
        assert_eq!(aggregate("min", "abc", 7), 3.into());
        assert_eq!(aggregate("sumNullIf:5", 2, 3), Dyn::Null);
    }

    #[test]
    fn aggregators_and_reducers_know_their_types() {
        assert_eq!(Aggregator::parse("concatKey").unwrap().ty(), Type::Text);
        assert_eq!(Aggregator::parse("max").unwrap().ty(), Type::Long);
        assert!(Aggregator::parse("first").is_err());
        assert!(Reducer::parse("count", &Type::Long).is_err());
        assert!(Reducer::parse("sum", &Type::Text).is_err());
        assert!(Reducer::parse("concat", &Type::Long).is_err());
    }
}
