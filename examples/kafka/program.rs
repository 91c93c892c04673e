//! The example `word_count`, as a program that tests can run.

#[path = "../word_count.rs"]
mod word_count;

fn main() -> streams_examples::Result<()> {
    word_count::main()
}
