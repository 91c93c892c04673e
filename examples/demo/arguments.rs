//! The command line.

use std::path::{Path, PathBuf};

use streams_examples::Result;

const USAGE: &str = "usage: demo [--input FILE..] [--output COUNTS.tsv] [--fresh] [--dir DIR]";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Texts to count; none means the repository's own.
    pub(crate) inputs: Vec<PathBuf>,
    /// Where all counts go.
    pub(crate) output: Option<PathBuf>,
    /// Begin anew.
    pub(crate) fresh: bool,
    /// Where log and state lie.
    pub(crate) folder: PathBuf,
}

impl Arguments {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut parsed =
            Self { inputs: Vec::new(), output: None, fresh: false, folder: default_folder() };
        let mut arguments = arguments.peekable();
        let is_value = |argument: &String| !argument.starts_with("--");
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--fresh" => parsed.fresh = true,
                "--input" => {
                    let before = parsed.inputs.len();
                    while let Some(file) = arguments.next_if(is_value) {
                        parsed.inputs.push(file.into());
                    }
                    if parsed.inputs.len() == before {
                        return Err(format!("--input needs a file\n{USAGE}").into());
                    }
                }
                "--output" | "--dir" => {
                    let Some(value) = arguments.next_if(is_value) else {
                        return Err(format!("{argument} needs a path\n{USAGE}").into());
                    };
                    match argument.as_str() {
                        "--output" => parsed.output = Some(value.into()),
                        _ => parsed.folder = value.into(),
                    }
                }
                unknown => return Err(format!("{unknown} is unknown\n{USAGE}").into()),
            }
        }
        Ok(parsed)
    }
}

/// `demo` in cargo's target folder, which this program was built into: `<target>/release/demo`.
fn default_folder() -> PathBuf {
    let program = std::env::current_exe().ok();
    let target = program.as_deref().and_then(|program| program.ancestors().nth(2));
    target.unwrap_or(Path::new("target")).join("demo")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn an_option_takes_the_words_up_to_the_next_one() {
        let parsed = parse("--input a.txt b.txt --fresh --output counts.tsv --input c").unwrap();
        assert_eq!(parsed.inputs, ["a.txt", "b.txt", "c"].map(PathBuf::from));
        assert_eq!(parsed.output, Some("counts.tsv".into()));
        assert!(parsed.fresh);
    }

    #[test]
    fn a_mistake_is_named_with_the_usage() {
        for (line, named) in [
            ("--input --fresh", "--input needs a file"),
            ("--output", "--output needs a path"),
            ("--frehs", "--frehs is unknown"),
            ("a.txt", "a.txt is unknown"),
        ] {
            let told = parse(line).unwrap_err().to_string();
            assert_eq!(told, format!("{named}\n{USAGE}"));
        }
    }
}
