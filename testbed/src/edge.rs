//! A private edge: the real nginx or `HAProxy` with a given configuration, as a test puts it.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::guard::{Folder, Guard, run};

/// The file with certificate and key.
const CERTIFICATE: &str = "certificate.pem";

/// What stands at the edge.
#[derive(Clone, Copy, Debug)]
pub enum Edge {
    /// nginx.
    Nginx,
    /// `HAProxy`; with a certificate for `localhost` in the file that `EDGE_CERTIFICATE` names.
    Haproxy,
}

/// A running edge; gone when dropped.
pub struct RunningEdge {
    _guard: Guard,
    /// The certificate that it shows, as PEM; `HAProxy`'s alone.
    pub certificate: Option<Vec<u8>>,
}

impl Edge {
    /// Starts it with a configuration whose doors are on `ports` of this machine, and waits until it listens on all.
    pub fn start(self, configuration: &str, ports: &[u16]) -> Result<RunningEdge> {
        let folder = Folder::make(None)?;
        let path = folder.path().display().to_string();
        fs::write(folder.path().join("configuration"), configuration)?;
        let certificate = match self {
            Self::Nginx => None,
            Self::Haproxy => Some(certificate(&folder)?),
        };
        let in_folder = |name: &str| format!("{path}/{name}");
        let arguments = match self {
            Self::Nginx => [
                "/usr/sbin/nginx",
                "-p",
                &path,
                "-c",
                &in_folder("configuration"),
                "-e",
                "stderr",
                "-g",
                "daemon off;",
            ]
            .map(str::to_owned)
            .to_vec(),
            Self::Haproxy => [
                &format!("EDGE_CERTIFICATE={}", in_folder(CERTIFICATE)),
                "/usr/sbin/haproxy",
                "-db",
                "-f",
                &in_folder("configuration"),
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        // HAProxy ignores what its parent ignores, and the guard ignores TERM; it keeps nothing that a kill would leave.
        let signal = match self {
            Self::Nginx => "TERM",
            Self::Haproxy => "KILL",
        };
        let guard = Guard::keep(folder, signal, Path::new("env"), &arguments)?;
        guard.start(|| {
            let listens = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
            ports.iter().all(listens)
        })?;
        Ok(RunningEdge {
            _guard: guard,
            certificate,
        })
    }
}

/// Makes a certificate for `localhost` and its key, in one file as `HAProxy` reads them; the certificate.
fn certificate(folder: &Folder) -> Result<Vec<u8>> {
    run(folder.command("openssl").args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        "key.pem",
        "-out",
        "shown.pem",
    ]))?;
    let read = |name: &str| {
        let path = folder.path().join(name);
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let shown = read("shown.pem")?;
    let both = [shown.as_slice(), &read("key.pem")?].concat();
    fs::write(folder.path().join(CERTIFICATE), both)?;
    Ok(shown)
}
