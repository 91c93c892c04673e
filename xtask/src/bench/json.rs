//! Reads the result lines of both sides: JSON, without a library for it.

/// A value of a result line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Value>),
    /// Fields in the order of the text.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The value that `text` is; `None` if it is no JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let value = reader.value()?;
        reader.rest.trim().is_empty().then_some(value)
    }

    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// A field that is a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '{' => self
                .list('}', |reader| {
                    let name = reader.text()?;
                    reader.takes(':').then_some(())?;
                    Some((name, reader.value()?))
                })
                .map(Value::Object),
            '[' => self.list(']', Self::value).map(Value::Array),
            '"' => self.text().map(Value::Text),
            _ => self.word(),
        }
    }

    /// Items between the bracket that comes next and `end`, with commas between them.
    fn list<T>(&mut self, end: char, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        if self.takes(end) {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.takes(end) {
                return Some(items);
            }
            self.takes(',').then_some(())?;
        }
    }

    fn text(&mut self) -> Option<String> {
        self.takes('"').then_some(())?;
        let mut text = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                    }
                    plain => plain,
                }),
                plain => text.push(plain),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }

    /// `null`, `true`, `false` or a number.
    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| ",]} \t\r\n".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "null" => Some(Value::Null),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            number => number.parse().ok().map(Value::Number),
        }
    }

    /// Takes `wanted` if it comes next, after spaces.
    fn takes(&mut self, wanted: char) -> bool {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_read() {
        let line = r#"{"impl":"java", "cpu_s":13.14,"ok":true,"none":null,"label":"a \"b\"\u0041\\",
            "cpu_by_thread":{"stream":1e1,"jit":-0.5},"list":[1,[],"x"],"empty":{}}"#;
        let value = Value::parse(line).unwrap();
        assert_eq!(value.text("impl"), Some("java"));
        assert_eq!(value.number("cpu_s"), Some(13.14));
        assert_eq!(value.get("ok"), Some(&Value::Bool(true)));
        assert_eq!(value.text("label"), Some("a \"b\"A\\"));
        let threads = value.get("cpu_by_thread").unwrap();
        assert_eq!((threads.number("stream"), threads.number("jit")), (Some(10.0), Some(-0.5)));
        assert_eq!(
            (value.number("none"), value.number("impl"), value.get("other")),
            (None, None, None)
        );
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in ["", "RUNNING", "{", "{\"a\":1", "{\"a\" 1}", "[1 2]", "{} x", "\"a", "tru"] {
            assert_eq!(Value::parse(text), None, "{text}");
        }
    }
}
