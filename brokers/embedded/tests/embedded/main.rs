//! The embedded log from outside: the broker contract, crashes, retention, groups, clients.

mod support;

mod contract;
mod recovery;
mod retention;
mod groups;
mod client;
mod model;
mod threads;
