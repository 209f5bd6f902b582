//! A TCP proxy between a process and a store, whose link can be cut (connections end, new ones are turned away) or hang
//! (nothing goes through and nothing ends: what a lost cable looks like).

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Everything goes through.
    Whole,
    /// Nothing goes through; connections stay.
    Hanging,
    /// Connections end at once.
    Cut,
}

/// A link that tests may harm. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    /// The port of 127.0.0.1 that leads to the store.
    pub port: u16,
    link: watch::Sender<Link>,
    serving: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and leads to `port` of this machine, where nobody needs to listen yet.
    pub async fn to(port: u16) -> Result<Self> {
        Self::between(testbed::free_port()?, port).await
    }

    /// Listens on `own` and leads to `port`.
    pub async fn between(own: u16, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, own))
            .await
            .context("the proxy's port")?;
        let (link, state) = watch::channel(Link::Whole);
        Ok(Self {
            port: own,
            link,
            serving: tokio::spawn(serve(listener, port, state)),
        })
    }

    /// Sets how the link is.
    pub fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Link::Cut);
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, port: u16, link: watch::Receiver<Link>) {
    while let Ok((near, _)) = listener.accept().await {
        if *link.borrow() != Link::Cut {
            tokio::spawn(join(near, port, link.clone()));
        }
    }
}

/// Joins a connection with one to the store, until either ends or the link is cut.
async fn join(near: TcpStream, port: u16, link: watch::Receiver<Link>) {
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = link.clone();
    tokio::select! {
        () = pump(near_in, far_out, link.clone()) => {}
        () = pump(far_in, near_out, link) => {}
        _ = cut.wait_for(|link| *link == Link::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut link: watch::Receiver<Link>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if link.wait_for(|link| *link != Link::Hanging).await.is_err()
            || read == 0
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_link_carries_hangs_and_is_cut() {
        let store = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(store.local_addr().unwrap().port()).await.unwrap();
        let mut near = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        let (mut far, _) = store.accept().await.unwrap();
        let mut byte = [0];
        near.write_all(b"a").await.unwrap();
        far.read_exact(&mut byte).await.unwrap();

        proxy.set(Link::Hanging);
        near.write_all(b"b").await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), far.read_exact(&mut byte));
        assert!(heard.await.is_err(), "nothing goes through");
        proxy.set(Link::Whole);
        far.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");

        proxy.set(Link::Cut);
        assert!(matches!(near.read(&mut byte).await, Ok(0) | Err(_)));
        let mut late = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        assert!(matches!(late.read(&mut byte).await, Ok(0) | Err(_)));
    }
}
