//! What the examples share: where they run, the application that runs there, written to and read
//! through the public producer and reader, and texts to feed it.

mod errors;
mod arguments;
mod place;
mod application;
mod lag;

// What counts the words of texts.
mod stop;
mod feed;
mod progress;
mod words;

pub use {
    application::{Application, last_values},
    arguments::Arguments,
    errors::{Failure, Result, at, with_causes},
    feed::{Fed, Feed, FeedOptions},
    lag::Lag,
    place::Place,
    stop::Stop,
    words::{words_of, write_tsv},
};
