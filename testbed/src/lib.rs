//! Private servers for tests: the real PostgreSQL, the real Kafka, a real Redis Cluster and the real edges, each on free ports in a
//! folder of its own. A server and its folder are gone when it is dropped, and also when the test process ends in any other way.
//!
//! Every call blocks, which a test may do in a synchronous and in an asynchronous setting alike.

pub mod edge;
mod guard;
pub mod kafka;
mod port;
pub mod postgres;
pub mod redis_cluster;

pub use edge::Edge;
pub use kafka::Kafka;
pub use port::free_port;
pub use postgres::Postgres;
pub use redis_cluster::RedisCluster;
