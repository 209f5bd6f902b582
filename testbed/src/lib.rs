//! Private servers for tests: the real PostgreSQL and the real Kafka, each on free ports in a folder of its own. A server
//! and its folder are gone when it is dropped, and also when the test process ends in any other way.
//!
//! Every call blocks, which a test may do in a synchronous and in an asynchronous setting alike.

mod guard;
pub mod kafka;
mod port;
pub mod postgres;

pub use kafka::Kafka;
pub use port::free_port;
pub use postgres::Postgres;
