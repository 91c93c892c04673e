//! Expressions over a key, a value and a list element, and predicates over the same.

use super::{
    Thrown, call, number,
    step::{Step, Test},
};
use crate::{refusal::Refusal, types::Type, value::Dyn};

/// A typed pipeline such as `v|upper|append:!`.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Source,
    steps: Vec<Step>,
    ty: Type,
}

/// A pipeline that ends in a yes or no, such as `v|gt:3|not`.
#[derive(Clone, Debug)]
pub struct Predicate {
    subject: Expression,
    test: Test,
    negated: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Key,
    Value,
    KeyAndValue,
    Element,
    Constant(Dyn),
}

/// What an expression may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) key: &'a Type,
    pub(super) value: &'a Type,
    pub(super) element: Option<&'a Type>,
}

impl Expression {
    /// Reads an expression over a key and a value.
    pub fn parse(text: &str, key: &Type, value: &Type) -> Result<Self, Refusal> {
        Self::within(text, Scope { key, value, element: None })
    }

    /// Reads an expression that may also refer to a list element.
    pub fn parse_with_element(
        text: &str,
        key: &Type,
        value: &Type,
        element: &Type,
    ) -> Result<Self, Refusal> {
        Self::within(text, Scope { key, value, element: Some(element) })
    }

    fn within(text: &str, scope: Scope<'_>) -> Result<Self, Refusal> {
        match parse(text, scope)? {
            (subject, None) => Ok(subject),
            (_, Some(_)) => {
                Err(Refusal::invalid(format!("a predicate where a value is needed: {text}")))
            }
        }
    }

    /// The type of the result.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Whether it looks at the key: then the operator's key-aware form is meant.
    pub fn uses_key(&self) -> bool {
        matches!(self.source, Source::Key | Source::KeyAndValue)
    }

    /// Whether it can throw: then the operator's fallible form is meant.
    pub fn can_throw(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::ThrowIf(_)))
    }

    /// The result for a key and a value.
    ///
    /// # Errors
    /// A `throwIf` step threw.
    pub fn eval(&self, key: &Dyn, value: &Dyn) -> Result<Dyn, Thrown> {
        self.eval_element(key, value, &Dyn::Null)
    }

    /// The result for a key, a value and a list element.
    ///
    /// # Errors
    /// A `throwIf` step threw.
    pub fn eval_element(&self, key: &Dyn, value: &Dyn, element: &Dyn) -> Result<Dyn, Thrown> {
        let source = match &self.source {
            Source::Key => key.clone(),
            Source::Value => value.clone(),
            Source::KeyAndValue => format!("{}:{}", key.text(), value.text()).into(),
            Source::Element => element.clone(),
            Source::Constant(value) => value.clone(),
        };
        self.steps.iter().try_fold(source, |value, step| step.apply(value))
    }
}

impl Predicate {
    /// Reads a predicate over a key and a value.
    pub fn parse(text: &str, key: &Type, value: &Type) -> Result<Self, Refusal> {
        let not_one = || Refusal::invalid(format!("not a predicate: {text}"));
        let (subject, end) = parse(text, Scope { key, value, element: None })?;
        let (test, negated) = end.ok_or_else(not_one)?;
        Ok(Self { subject, test, negated })
    }

    /// Whether it can throw: then the operator's fallible form is meant.
    pub fn can_throw(&self) -> bool {
        self.subject.can_throw()
    }

    /// Whether it holds for a key and a value.
    ///
    /// # Errors
    /// A `throwIf` step threw.
    pub fn test(&self, key: &Dyn, value: &Dyn) -> Result<bool, Thrown> {
        let subject = self.subject.eval(key, value)?;
        Ok(self.test.holds(&subject) != self.negated)
    }
}

/// Reads a pipeline: the part that makes a value, and the test at its end if there is one.
fn parse(text: &str, scope: Scope<'_>) -> Result<(Expression, Option<(Test, bool)>), Refusal> {
    let mut parts = text.split('|');
    let (source, mut ty) = parse_source(parts.next().unwrap_or_default(), text, scope)?;
    let mut steps = Vec::new();
    let mut end: Option<(Test, bool)> = None;
    for part in parts {
        if let Some((_, negated)) = &mut end {
            if part != "not" {
                let what = format!("only `not` may follow a predicate: {text}");
                return Err(Refusal::invalid(what));
            }
            *negated = !*negated;
        } else if let Some((step, made)) = Step::parse(part, &ty)? {
            steps.push(step);
            ty = made;
        } else if let Some(test) = Test::parse(part, &ty)? {
            end = Some((test, false));
        } else {
            return Err(Refusal::invalid(format!("unknown function `{part}` in {text}")));
        }
    }
    Ok((Expression { source, steps, ty }, end))
}

fn parse_source(head: &str, text: &str, scope: Scope<'_>) -> Result<(Source, Type), Refusal> {
    let (name, argument) = call(head);
    match name {
        "k" => Ok((Source::Key, scope.key.clone())),
        "v" => Ok((Source::Value, scope.value.clone())),
        "kv" => Ok((Source::KeyAndValue, Type::Text)),
        "e" => {
            let outside = || Refusal::invalid(format!("`e` outside a flatMap: {text}"));
            Ok((Source::Element, scope.element.ok_or_else(outside)?.clone()))
        }
        "lit" => Ok((Source::Constant(argument.into()), Type::Text)),
        "num" => Ok((Source::Constant(Dyn::Long(number(argument, text)?)), Type::Long)),
        _ => Err(Refusal::invalid(format!("unknown source in expression: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str, key: impl Into<Dyn>, value: impl Into<Dyn>) -> Dyn {
        let (key, value) = (key.into(), value.into());
        Expression::parse(text, &ty(&key), &ty(&value)).unwrap().eval(&key, &value).unwrap()
    }

    fn holds(text: &str, value: impl Into<Dyn>) -> bool {
        let value = value.into();
        Predicate::parse(text, &Type::Text, &ty(&value)).unwrap().test(&Dyn::Null, &value).unwrap()
    }

    fn ty(value: &Dyn) -> Type {
        match value {
            Dyn::Null | Dyn::Text(_) => Type::Text,
            Dyn::Long(_) => Type::Long,
            Dyn::Windowed(_) => Type::time(Type::Text, 10),
        }
    }

    #[test]
    fn every_text_step_does_what_the_language_says() {
        for (text, expected) in [
            ("v|upper", "B A\u{fc} C"),
            ("v|upper|lower", "b a\u{fc} c"),
            ("v|append:!", "b a\u{fc} c!"),
            ("v|prepend:a:", "a:b a\u{fc} c"),
            ("v|prefix:4", "b a\u{fc}"),
            ("v|suffix:3", "\u{fc} c"),
            ("v|prefix:99|suffix:99", "b a\u{fc} c"),
            ("v|word:1", "a\u{fc}"),
            ("v|ifNull:x", "b a\u{fc} c"),
            ("v|null|ifNull:x", "x"),
            ("v|const:y", "y"),
            ("kv", "k:b a\u{fc} c"),
            ("lit:z|append:!", "z!"),
            ("v|len|str", "6"),
        ] {
            assert_eq!(eval(text, "k", "b a\u{fc} c"), expected.into(), "{text}");
        }
    }

    #[test]
    fn steps_that_give_null() {
        for text in ["v|word:9", "v|nullIfLenGt:2", "v|nullIf:abc", "v|null", "v|parse"] {
            assert_eq!(eval(text, "k", "abc"), Dyn::Null, "{text}");
        }
        assert_eq!(eval("v|nullIfLenGt:3|nullIf:x", "k", "abc"), "abc".into());
        assert_eq!(eval("v|upper|len|add:1|str", "k", Dyn::Null), Dyn::Null);
        assert_eq!(eval("v|const:c", "k", Dyn::Null), "c".into());
    }

    #[test]
    fn numbers_wrap_and_modulo_takes_the_sign_of_its_argument() {
        assert_eq!(eval("v|add:1", "k", i64::MAX), Dyn::Long(i64::MIN));
        assert_eq!(eval("v|mul:2", "k", i64::MIN), Dyn::Long(0));
        assert_eq!(eval("v|mod:3", "k", -1), Dyn::Long(2));
        assert_eq!(eval("v|mod:-3", "k", 1), Dyn::Long(-2));
        assert_eq!(eval("num:-7", "k", 1), Dyn::Long(-7));
    }

    #[test]
    fn parse_takes_eighteen_characters_at_most() {
        assert_eq!(eval("v|parse", "k", "-12"), Dyn::Long(-12));
        assert_eq!(eval("v|parse", "k", "123456789012345678"), Dyn::Long(123_456_789_012_345_678));
        for text in ["1234567890123456789", "-", "", "+1", "1a", " 1"] {
            assert_eq!(eval("v|parse", "k", text), Dyn::Null, "{text}");
        }
    }

    #[test]
    fn a_windowed_key_is_taken_apart() {
        let key = Dyn::windowed("a".into(), 5, 15);
        assert_eq!(eval("k|wkey|append:!", key.clone(), "v"), "a!".into());
        assert_eq!(eval("k|wstart", key.clone(), "v"), Dyn::Long(5));
        assert_eq!(eval("k|wend", key.clone(), "v"), Dyn::Long(15));
        assert_eq!(eval("k|str", key, "v"), "a@5/15".into());
    }

    #[test]
    fn predicates_are_false_for_null_unless_they_ask_for_it() {
        for text in ["v|contains:", "v|startsWith:", "v|eq:null", "v|notNull", "v|false"] {
            assert!(!holds(text, Dyn::Null), "{text}");
            assert!(holds(&format!("{text}|not"), Dyn::Null), "{text}");
        }
        assert!(holds("v|isNull", Dyn::Null) && holds("v|true", Dyn::Null));
        assert!(holds("v|gt:2", 3) && !holds("v|gt:3", 3) && holds("v|lt:3|not|not", 2));
        assert!(holds("v|even", -2) && !holds("v|even", -1) && holds("v|eq:3", 3));
    }

    #[test]
    fn throwing_is_an_error_and_known_beforehand() {
        let throws = Expression::parse("v|throwIf:x|str", &Type::Text, &Type::Text).unwrap();
        assert!(throws.can_throw());
        assert!(throws.eval(&Dyn::Null, &"x".into()).is_err());
        assert_eq!(throws.eval(&Dyn::Null, &"y".into()).unwrap(), "y".into());
        assert_eq!(throws.eval(&Dyn::Null, &Dyn::Null).unwrap(), Dyn::Null);
    }

    #[test]
    fn ill_typed_and_unknown_texts_are_refused() {
        for text in ["v|add:1", "v|even", "v|frobnicate", "x", "e", "v|wkey", "v|not", ""] {
            assert!(Expression::parse(text, &Type::Text, &Type::Text).is_err(), "{text}");
        }
        assert!(Expression::parse("v|isNull", &Type::Text, &Type::Text).is_err());
        assert!(Predicate::parse("v|upper", &Type::Text, &Type::Text).is_err());
        assert!(Predicate::parse("v|isNull|upper", &Type::Text, &Type::Text).is_err());
        assert!(Expression::parse("k|null", &Type::time(Type::Text, 1), &Type::Text).is_err());
    }
}
