//! Joiners `J(k, l, r)`.

use super::call;
use crate::{refusal::Refusal, types::Type, value::Dyn};

/// Makes one value of the values of both sides.
#[derive(Clone, Debug)]
pub enum Joiner {
    /// `l+r`.
    Concat,
    /// `k:l+r`.
    ConcatKey,
    /// The left value.
    Left,
    /// The right value.
    Right,
    /// Null if the text form of the right value is this, otherwise as `Concat`.
    NullIfRight(String),
    /// The sum of two numbers, null counting as 0.
    Sum,
}

impl Joiner {
    /// Reads a joiner of values of the given types; gives the type it makes.
    pub fn parse(text: &str, left: &Type, right: &Type) -> Result<(Self, Type), Refusal> {
        match call(text) {
            ("concat", _) => Ok((Self::Concat, Type::Text)),
            ("concatKey", _) => Ok((Self::ConcatKey, Type::Text)),
            ("left", _) => Ok((Self::Left, left.clone())),
            ("right", _) => Ok((Self::Right, right.clone())),
            ("nullIfRight", argument) => Ok((Self::NullIfRight(argument.to_owned()), Type::Text)),
            ("sum", _) if (left, right) == (&Type::Long, &Type::Long) => {
                Ok((Self::Sum, Type::Long))
            }
            ("sum", _) => Err(Refusal::invalid(format!("joiner sum over {left}, {right}"))),
            _ => Err(Refusal::invalid(format!("unknown joiner {text}"))),
        }
    }

    /// The joined value.
    pub fn apply(&self, key: &Dyn, left: &Dyn, right: &Dyn) -> Dyn {
        match self {
            Self::NullIfRight(text) if right.text() == *text => Dyn::Null,
            Self::Concat | Self::NullIfRight(_) => {
                format!("{}+{}", left.text(), right.text()).into()
            }
            Self::ConcatKey => format!("{}:{}+{}", key.text(), left.text(), right.text()).into(),
            Self::Left => left.clone(),
            Self::Right => right.clone(),
            Self::Sum => left.number().wrapping_add(right.number()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_follow_the_table() {
        let join = |text: &str, left: Dyn, right: Dyn| {
            let (joiner, _) = Joiner::parse(text, &Type::Long, &Type::Long).unwrap();
            joiner.apply(&"k".into(), &left, &right)
        };
        assert_eq!(join("concat", 1.into(), Dyn::Null), "1+null".into());
        assert_eq!(join("concatKey", 1.into(), 2.into()), "k:1+2".into());
        assert_eq!(join("left", 1.into(), 2.into()), 1.into());
        assert_eq!(join("right", 1.into(), Dyn::Null), Dyn::Null);
        assert_eq!(join("nullIfRight:2", 1.into(), 2.into()), Dyn::Null);
        assert_eq!(join("nullIfRight:2", 1.into(), 3.into()), "1+3".into());
        assert_eq!(join("sum", 1.into(), Dyn::Null), 1.into());
    }

    #[test]
    fn only_numbers_are_summed() {
        assert!(Joiner::parse("sum", &Type::Text, &Type::Long).is_err());
        assert_eq!(Joiner::parse("left", &Type::Text, &Type::Long).unwrap().1, Type::Text);
    }
}
