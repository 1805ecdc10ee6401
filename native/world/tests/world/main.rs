//! The world from the outside: events in, answers out.

mod bounds;
mod life;
mod machine;
mod support;
mod users;
mod vanishing;
