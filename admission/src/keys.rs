//! The private signing key: made at the first start, kept in a folder that only its owner may read, shared by replicas.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use domain::place::AdmittedPlace;
use domain::ticket::{PublicKey, SigningKey};
use domain::{EventId, Millis, Random};

/// The file of the key that signs. A fixed name: whoever links it first decides for every replica.
const CURRENT: &str = "current.pem";

/// The signing key cannot be used; says which file and why.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The folder or a file in it cannot be made or read.
    #[error("the signing key at {} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the signing key at {} is not an Ed25519 private key in PKCS#8 PEM", .0.display())]
    NotAKey(PathBuf),
    /// Everybody on the machine may read or change the key.
    #[error("the signing key at {} is open to everybody on this machine: set its mode to 600", .0.display())]
    Exposed(PathBuf),
}

/// Signs tickets in the name of one public URL.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    issuer: String,
    since: Millis,
}

impl Signer {
    /// Reads the key in `folder`; makes folder (mode 700) and key (mode 600) when there is none.
    pub fn open(folder: &Path, issuer: &str, random: &dyn Random) -> Result<Self, KeyError> {
        let path = folder.join(CURRENT);
        if !path.try_exists().map_err(failed(&path))? {
            make(folder, &path, random)?;
        }
        let file = fs::metadata(&path).map_err(failed(&path))?;
        if file.permissions().mode() & 0o007 != 0 {
            return Err(KeyError::Exposed(path));
        }
        let pem = fs::read_to_string(&path).map_err(failed(&path))?;
        let key = SigningKey::from_pem(&pem).map_err(|_| KeyError::NotAKey(path.clone()))?;
        let written = file.modified().map_err(failed(&path))?;
        let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            key,
            issuer: issuer.to_owned(),
            since: Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// When the key was made.
    pub fn since(&self) -> Millis {
        self.since
    }

    /// The public half, for the store.
    pub fn public(&self) -> PublicKey {
        self.key.public(&self.issuer)
    }

    /// The ticket of an admitted place; the same place gives the same ticket.
    pub fn ticket(&self, event: &EventId, admitted: &AdmittedPlace) -> Result<String, CannotSign> {
        self.key
            .mint(&self.issuer, event, admitted)
            .map_err(|error| CannotSign(error.to_string()))
    }
}

/// A ticket could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("a ticket could not be signed: {0}")]
pub struct CannotSign(pub String);

/// Makes a key under a name of its own and links it to `path`: linking fails when another replica was first, and then
/// its key stands. A reader never sees half a file.
fn make(folder: &Path, path: &Path, random: &dyn Random) -> Result<(), KeyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed(folder))?;
    let key = SigningKey::generate(random).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
    let draft = folder.join(format!(".{}.draft", key.kid()));
    write_private(&draft, &key.to_pem()).map_err(failed(&draft))?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    fs::remove_file(&draft).map_err(failed(&draft))?;
    linked.map_err(failed(path))?;
    // The new name is on the disk too before anything is signed.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed(folder))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::File { path, source }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use chassis::system::SystemRandom;

    use super::*;

    const ISSUER: &str = "http://127.0.0.1:8080";

    fn open(folder: &Path) -> Result<Signer, KeyError> {
        Signer::open(folder, ISSUER, &SystemRandom)
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("deep/keys");
        let first = open(&keys).unwrap();
        let again = open(&keys).unwrap();
        assert_eq!(
            (first.kid(), first.since()),
            (again.kid(), again.since()),
            "a restart keeps the key"
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&keys), 0o700);
        assert_eq!(mode(&keys.join(CURRENT)), 0o600);
        let files = fs::read_dir(&keys).unwrap().count();
        assert_eq!(files, 1, "no draft is left behind");
    }

    #[test]
    fn replicas_that_start_together_end_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let together = Barrier::new(8);
        let kids: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        open(&keys).unwrap().kid().to_owned()
                    })
                })
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
        assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_cannot_be_trusted_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap();
        let path = folder.path().join(CURRENT);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let exposed = open(folder.path()).unwrap_err();
        assert!(matches!(exposed, KeyError::Exposed(_)), "{exposed}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key").unwrap();
        let garbled = open(folder.path()).unwrap_err();
        assert!(matches!(garbled, KeyError::NotAKey(_)), "{garbled}");

        let below_a_file = open(&path.join("keys")).unwrap_err();
        assert!(
            matches!(below_a_file, KeyError::File { .. }),
            "{below_a_file}"
        );
    }
}
