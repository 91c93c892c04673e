//! Functions that make a list: `split`, `dup:N` and `drop` at the end of an expression.

use super::{Thrown, call, expression::Expression, number, step::words};
use crate::{refusal::Refusal, types::Type, value::Dyn};

/// Makes the elements of a `flatMap` or `flatMapValues`.
#[derive(Clone, Debug)]
pub struct ListFunction {
    source: Expression,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    /// The words of a text; null gives no element.
    Words,
    /// The value n times, also a null.
    Repeated(usize),
    /// No element.
    Nothing,
}

impl ListFunction {
    /// Reads a list function over a key and a value.
    pub fn parse(text: &str, key: &Type, value: &Type) -> Result<Self, Refusal> {
        let missing = || Refusal::invalid(format!("list function needs a last step: {text}"));
        let (source, last) = text.rsplit_once('|').ok_or_else(missing)?;
        let source = Expression::parse(source, key, value)?;
        let shape = match call(last) {
            ("split", _) if *source.ty() == Type::Text => Shape::Words,
            ("split", _) => return Err(Refusal::invalid(format!("split needs a string: {text}"))),
            ("dup", n) => Shape::Repeated(number(n, text)?),
            ("drop", _) => Shape::Nothing,
            _ => return Err(Refusal::invalid(format!("unknown list function {last}"))),
        };
        Ok(Self { source, shape })
    }

    /// The type of an element.
    pub fn element(&self) -> &Type {
        self.source.ty()
    }

    /// Whether it can throw.
    pub fn can_throw(&self) -> bool {
        self.source.can_throw()
    }

    /// The elements for a key and a value.
    ///
    /// # Errors
    /// A `throwIf` step threw.
    pub fn eval(&self, key: &Dyn, value: &Dyn) -> Result<Vec<Dyn>, Thrown> {
        let source = self.source.eval(key, value)?;
        Ok(match (&self.shape, source) {
            (Shape::Words, Dyn::Text(text)) => words(&text).map(Dyn::from).collect(),
            (Shape::Repeated(n), source) => vec![source; *n],
            (Shape::Words | Shape::Nothing, _) => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str, value: impl Into<Dyn>) -> Vec<Dyn> {
        let list = ListFunction::parse(text, &Type::Text, &Type::Text).unwrap();
        list.eval(&Dyn::Null, &value.into()).unwrap()
    }

    #[test]
    fn lists_are_words_copies_or_nothing() {
        assert_eq!(eval("v|split", " a  b "), ["a".into(), "b".into()]);
        assert_eq!(eval("v|upper|dup:2", "a"), ["A".into(), "A".into()]);
        assert_eq!(eval("v|drop", "a"), []);
        assert_eq!(eval("v|split", Dyn::Null), []);
        assert_eq!(eval("v|dup:2", Dyn::Null), [Dyn::Null, Dyn::Null]);
    }

    #[test]
    fn a_list_needs_its_last_step_and_a_text_to_split() {
        for text in ["v", "v|len|split", "v|upper", "v|dup:x"] {
            assert!(ListFunction::parse(text, &Type::Text, &Type::Text).is_err(), "{text}");
        }
    }
}
