//! The command line of the examples.

use std::path::PathBuf;

use crate::Result;

/// What an example was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `--bootstrap HOST:PORT`: the Kafka to work on; none means an embedded log.
    pub bootstrap: Option<String>,
    /// `--application-id ID`
    pub application_id: Option<String>,
    /// `--state-dir DIR`: where the stores lie.
    pub state_dir: Option<PathBuf>,
    /// `--topic-prefix PREFIX`: what the names of the topics begin with.
    pub topic_prefix: Option<String>,
    /// `--input FILE..`: texts to load.
    pub inputs: Vec<PathBuf>,
    /// `--output FILE`: where the results go.
    pub output: Option<PathBuf>,
    /// `--exit-when-idle`: end when everything is processed.
    pub exit_when_idle: bool,
    /// A word that is no option, for examples that take one.
    pub word: Option<String>,
}

/// The options of every example.
const COMMON: &str = "[--bootstrap HOST:PORT] [--application-id ID] [--state-dir DIR]";
/// The options of an example that reads texts.
const TEXTS: &str =
    "[--input FILE..] [--output COUNTS.tsv] [--exit-when-idle] [--topic-prefix PREFIX]";

impl Arguments {
    /// Of an example without options of its own.
    pub fn read() -> Result<Self> {
        Self::parse(std::env::args().skip(1), COMMON)
    }

    /// Of an example that also takes one of `words`.
    pub fn with_word(words: &str) -> Result<Self> {
        Self::parse(std::env::args().skip(1), &format!("[{words}] {COMMON}"))
    }

    /// Of an example that reads texts.
    pub fn with_texts() -> Result<Self> {
        Self::parse(std::env::args().skip(1), &format!("{COMMON} {TEXTS}"))
    }

    /// Takes the options that `usage` names.
    fn parse(arguments: impl Iterator<Item = String>, usage: &str) -> Result<Self> {
        let wrong = |what: String| format!("{what}\nusage: {usage}");
        let mut parsed = Self::default();
        let mut arguments = arguments.peekable();
        let is_value = |argument: &String| !argument.starts_with("--");
        while let Some(option) = arguments.next() {
            if is_value(&option) {
                let known = usage.split(['[', ']', '|']).any(|word| word == option);
                if !known || parsed.word.replace(option.clone()).is_some() {
                    return Err(wrong(format!("{option} is not expected")).into());
                }
                continue;
            }
            if !usage.split(['[', ']', ' ']).any(|known| known == option) {
                return Err(wrong(format!("{option} is unknown")).into());
            }
            if option == "--exit-when-idle" {
                parsed.exit_when_idle = true;
                continue;
            }
            let Some(value) = arguments.next_if(is_value) else {
                return Err(wrong(format!("{option} needs a value")).into());
            };
            match option.as_str() {
                "--bootstrap" => parsed.bootstrap = Some(value),
                "--application-id" => parsed.application_id = Some(value),
                "--topic-prefix" => parsed.topic_prefix = Some(value),
                "--state-dir" => parsed.state_dir = Some(value.into()),
                "--output" => parsed.output = Some(value.into()),
                _ => {
                    parsed.inputs.push(value.into());
                    while let Some(file) = arguments.next_if(is_value) {
                        parsed.inputs.push(file.into());
                    }
                }
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, usage: &str) -> Result<Arguments> {
        Arguments::parse(line.split_whitespace().map(str::to_owned), usage)
    }

    #[test]
    fn an_option_takes_the_words_up_to_the_next_one() {
        let line = "--input a.txt b.txt --exit-when-idle --output counts.tsv --bootstrap k:9092";
        let parsed = parse(line, &format!("{COMMON} {TEXTS}")).unwrap();
        let expected = Arguments {
            bootstrap: Some("k:9092".to_owned()),
            inputs: vec!["a.txt".into(), "b.txt".into()],
            output: Some("counts.tsv".into()),
            exit_when_idle: true,
            ..Arguments::default()
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_word_is_taken_where_one_is_known() {
        let usage = format!("[repartition|through] {COMMON}");
        let word = |line| parse(line, &usage).unwrap().word;
        assert_eq!(word("through --bootstrap k:9092"), Some("through".to_owned()));
        assert_eq!(word(""), None);
    }

    #[test]
    fn a_mistake_is_named_with_the_usage() {
        for (line, named) in [
            ("--bootstrap --state-dir d", "--bootstrap needs a value"),
            ("--bootstarp k:9092", "--bootstarp is unknown"),
            ("--output counts.tsv", "--output is unknown"),
            ("a.txt", "a.txt is not expected"),
        ] {
            let told = parse(line, COMMON).unwrap_err().to_string();
            assert_eq!(told, format!("{named}\nusage: {COMMON}"));
        }
    }
}
