//! Groups: who is a member, who shall hold which task, and where each group goes on.

mod coordinator;
mod membership;
mod offsets;
mod reconcile;
mod records;

pub(crate) use {coordinator::Coordinator, membership::EmbeddedMembership};
