//! Applications of one and of several instances on the embedded log: what a user sees of threads,
//! commits, restores and errors.

mod support;

mod resume;
mod restoring;
mod instances;
mod errors;
mod damage;
mod memory;
