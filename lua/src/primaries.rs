//! The primaries of an installation: one Redis that stands alone, or those of a Redis Cluster, as its nodes tell of them now.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Client, ConnectionAddr, ConnectionInfo, FromRedisValue as _, Value};

use crate::connect::{Settings, StoreError};
use crate::slots::Slots;

/// How long a node may take to tell of the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// A Redis that serves some slots.
#[derive(Clone, Debug)]
pub(crate) struct Primary {
    /// Its address: tells it from the others.
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) slots: Slots,
}

/// A host and a port.
type Address = (String, u16);

/// What a node knows.
struct View {
    epoch: u64,
    primaries: Vec<Primary>,
}

impl Settings {
    /// Is it a Redis Cluster?
    pub(crate) fn is_cluster(&self) -> bool {
        self.hosts().len() > 1
    }

    /// The primaries. Of nodes that disagree the one is believed that knows of the last fail-over.
    pub(crate) async fn primaries(&self) -> Result<Vec<Primary>, StoreError> {
        if !self.is_cluster() {
            return Ok(vec![Primary::alone(self)?]);
        }
        let ways: Result<Vec<_>, _> = self.hosts().iter().map(|url| Self::way_to(url)).collect();
        let asked = ways?.into_iter().map(|way| async move {
            match tokio::time::timeout(PATIENCE, self.view(way)).await {
                Ok(view) => view,
                Err(_) => Err(StoreError::Unavailable("a node is silent".to_owned())),
            }
        });
        let (mut newest, mut failed) = (None, None);
        for view in join_all(asked).await {
            match view {
                Ok(view) => {
                    let known = newest.as_ref().map_or(0, |held: &View| held.epoch);
                    if newest.is_none() || view.epoch > known {
                        newest = Some(view);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        let none = || StoreError::Unavailable("no node answers".to_owned());
        newest
            .map(|view| view.primaries)
            .ok_or_else(|| failed.unwrap_or_else(none))
    }

    /// The nodes that serve nothing, as one tells of them in `CLUSTER NODES`: replicas, and a primary of before that was not heard
    /// of as a replica yet.
    pub(crate) fn serving_nothing(&self, nodes: &str) -> Result<Vec<Client>, StoreError> {
        let Some(url) = self.hosts().into_iter().next() else {
            return Ok(Vec::new());
        };
        let way = Self::way_to(&url)?;
        let idle = nodes.lines().filter_map(idle);
        idle.map(|address| client(&way, address)).collect()
    }

    /// What the node at the end of this way knows.
    async fn view(&self, way: ConnectionInfo) -> Result<View, StoreError> {
        let mut connection = self.single_connection(&Client::open(way.clone())?).await?;
        let (info, served): (String, Vec<Vec<Value>>) = redis::pipe()
            .cmd("CLUSTER")
            .arg("INFO")
            .cmd("CLUSTER")
            .arg("SLOTS")
            .query_async(&mut connection)
            .await?;
        let epoch = crate::installation::line(&info, "cluster_current_epoch")?;
        let mut serving = BTreeMap::<Address, Vec<RangeInclusive<u16>>>::new();
        for range in served {
            let (slots, primary) = read(&range, way.addr())?;
            serving.entry(primary).or_default().push(slots);
        }
        let primaries = serving.into_iter().map(|(address, ranges)| {
            Ok(Primary {
                name: format!("{}:{}", address.0, address.1),
                client: client(&way, address)?,
                slots: Slots::of(ranges),
            })
        });
        Ok(View {
            epoch: crate::script::parsed(epoch)?,
            primaries: primaries.collect::<Result<_, StoreError>>()?,
        })
    }
}

impl Primary {
    /// A Redis that stands alone.
    pub(crate) fn alone(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self {
            name: String::new(),
            client: Client::open(Settings::way_to(&settings.url)?)?,
            slots: Slots::all(),
        })
    }
}

/// Reads a range of slots, and who serves it: `first last primary replica…`.
fn read(
    range: &[Value],
    asked: &ConnectionAddr,
) -> Result<(RangeInclusive<u16>, Address), StoreError> {
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = range
    else {
        return Err(unexpected(range));
    };
    let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(*last)) else {
        return Err(unexpected(range));
    };
    Ok((first..=last, address(primary, asked)?))
}

/// The address in a line of `CLUSTER NODES`, such as `id 127.0.0.1:7000@17000,name slave id 0 0 1 connected`, unless slots follow.
fn idle(line: &str) -> Option<Address> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, others) = fields.get(1)?.split_once('@')?;
    let (host, port) = address.rsplit_once(':')?;
    let named = others.split(',').nth(1).filter(|name| !name.is_empty());
    let host = named.unwrap_or(host);
    let is_idle = fields.len() == 8 && !host.is_empty();
    is_idle.then_some((host.to_owned(), port.parse().ok()?))
}

/// A node's host and port; one that does not know its host is reached by that of the asked.
fn address(node: &[Value], asked: &ConnectionAddr) -> Result<Address, StoreError> {
    let [host, Value::Int(port), ..] = node else {
        return Err(unexpected(node));
    };
    let own = match asked {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    };
    let told = Option::<String>::from_redis_value_ref(host).unwrap_or_default();
    let host = told.filter(|host| !host.is_empty() && host != "?");
    let port = u16::try_from(*port).map_err(|_| unexpected(node))?;
    Ok((host.unwrap_or(own), port))
}

/// A client of the node at an address, which is reached as another is.
fn client(other: &ConnectionInfo, (host, port): Address) -> Result<Client, StoreError> {
    let address = at(other.addr(), host, port);
    Ok(Client::open(other.clone().set_addr(address))?)
}

/// The address of a node, reached as `asked` is.
fn at(asked: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match asked {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}

fn unexpected(told: &[Value]) -> StoreError {
    StoreError::Unexpected(format!("CLUSTER SLOTS with {told:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_may_name_several_hosts() {
        let hosts = |url: &str| Settings::new(url).hosts();
        assert_eq!(
            hosts("rediss://u:p,w@a:1,b:2,[::1]:3?x=1"),
            [
                "rediss://u:p,w@a:1?x=1",
                "rediss://u:p,w@b:2?x=1",
                "rediss://u:p,w@[::1]:3?x=1"
            ]
        );
        assert_eq!(hosts("redis://:p,w@a:1/3"), ["redis://:p,w@a:1/3"]);
        assert_eq!(hosts("redis+unix:///a,b/c"), ["redis+unix:///a,b/c"]);
    }

    #[test]
    fn a_node_that_serves_nothing_is_reached_by_its_name_if_it_has_one() {
        let at = |host: &str| Some((host.to_owned(), 7));
        assert_eq!(idle("a ::1:7@17 slave b 0 0 1 connected"), at("::1"));
        let named = "a 1.2.3.4:7@17,host,shard-id=x master - 0 0 1 connected";
        assert_eq!(idle(named), at("host"));
        for other in [
            "a 1.2.3.4:7@17 master - 0 0 1 connected 0-5",
            "a :0@0 slave,noaddr b 0 0 1 disconnected",
            "vars currentEpoch 6",
        ] {
            assert_eq!(idle(other), None, "{other}");
        }
    }

    #[test]
    fn a_node_without_a_host_is_where_the_asked_is() {
        let asked = ConnectionAddr::Tcp("asked".to_owned(), 1);
        let port = Value::Int(7);
        for unknown in [Value::Nil, Value::BulkString(Vec::new())] {
            let told = address(&[unknown, port.clone()], &asked).unwrap();
            assert_eq!(told, ("asked".to_owned(), 7));
        }
        let named = Value::BulkString(b"named".to_vec());
        assert_eq!(
            address(&[named, port], &asked).unwrap(),
            ("named".to_owned(), 7)
        );
    }
}
