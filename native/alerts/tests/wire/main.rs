//! The service over real sockets, with the generated clients.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod batches;
mod disk_full;
mod durability;
mod http;
mod outputs;
mod refusals;
mod sinks;
mod support;
mod tls;
