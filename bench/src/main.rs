//! `streams-bench`: what a record costs.
//!
//! `streams-bench micro [NAME..]` measures parts of one process: no broker, no threads, a discarding
//! producer.

mod harness;
mod log;
mod micro;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("micro") => micro::run(&arguments.collect::<Vec<_>>()),
        _ => {
            eprintln!("usage: streams-bench micro [NAME..]\n  {}", micro::names().join("\n  "));
            std::process::exit(2);
        }
    }
}
