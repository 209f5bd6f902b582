//! The private signing keys as files in a folder that only its owner may read, shared by replicas. Their generations say
//! which is newer: `current.pem` is the first, made at the first start, then `key-2.pem` and so on. A key that is retired leaves
//! its public half behind as `retired-<kid>`, for a store that forgot it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use domain::ticket::{PublicKey, SigningKey};
use domain::{Millis, Random};

/// The file of the first key.
const FIRST: &str = "current.pem";
/// What the files of retired keys' public halves begin with; the kid follows.
const RETIRED: &str = "retired-";

/// The signing keys cannot be used; says which file and why.
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
    /// The file of a retired key holds something else.
    #[error("{} is not what a retired signing key leaves behind", .0.display())]
    NotRetired(PathBuf),
    /// Everybody on the machine may read or change the key.
    #[error("the signing key at {} is open to everybody on this machine: set its mode to 600", .0.display())]
    Exposed(PathBuf),
}

/// A key and its generation, from 1.
#[derive(Clone, Debug)]
pub struct Held {
    /// Counts the keys that were ever made here.
    pub generation: u32,
    /// The key.
    pub key: SigningKey,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`; makes it (mode 700) and the first key (mode 600) when there is none.
    pub fn open(path: &Path, random: &dyn Random) -> Result<Self, KeyError> {
        let folder = Self(path.to_owned());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed(path))?;
        if folder.keys()?.is_empty() {
            folder.make(1, random)?;
        }
        Ok(folder)
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> Result<Vec<Held>, KeyError> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed(&self.0))? {
            let entry = entry.map_err(failed(&self.0))?;
            let Some(generation) = entry.file_name().to_str().and_then(generation) else {
                continue;
            };
            match read(&entry.path()) {
                Ok(key) => keys.push(Held { generation, key }),
                // Another replica took it away in this moment: its last ticket has ended.
                Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        keys.sort_unstable_by_key(|held| held.generation);
        Ok(keys)
    }

    /// Makes the key of a generation under a name of its own and links it to the generation's: linking fails when another
    /// replica was first, and then its key stands. A reader never sees half a file.
    pub fn make(&self, generation: u32, random: &dyn Random) -> Result<(), KeyError> {
        let path = self.0.join(file_name(generation));
        let key = SigningKey::generate(random).map_err(|_| KeyError::NotAKey(path.clone()))?;
        let draft = self.0.join(format!(".{}.draft", key.kid()));
        write_private(&draft, &key.to_pem()).map_err(failed(&draft))?;
        let linked = match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
        fs::remove_file(&draft).map_err(failed(&draft))?;
        linked.map_err(failed(&path))?;
        self.on_disk()
    }

    /// Puts the public half of a key, and when its last ticket ended, in the place of the private one; it may be gone already.
    pub fn retire(
        &self,
        generation: u32,
        public: &PublicKey,
        ended: Millis,
    ) -> Result<(), KeyError> {
        let kept = self.0.join(format!("{RETIRED}{}", public.kid));
        if !kept.exists() {
            let text = format!("{} {} {}\n", public.x, ended.0, public.issuers.join(" "));
            // Replicas that retire a key together write the same.
            let draft = self
                .0
                .join(format!(".{RETIRED}{}.{}", public.kid, std::process::id()));
            // One of the same name was left by a crash.
            let _ = fs::remove_file(&draft);
            write_private(&draft, &text).map_err(failed(&draft))?;
            fs::rename(&draft, &kept).map_err(failed(&kept))?;
            self.on_disk()?;
        }
        let path = self.0.join(file_name(generation));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path)(error)),
            _ => Ok(()),
        }
    }

    /// The public halves of retired keys that are not `known`, each with when its last ticket ended.
    pub fn retired(
        &self,
        known: impl Fn(&str) -> bool,
    ) -> Result<Vec<(PublicKey, Millis)>, KeyError> {
        let mut retired = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed(&self.0))? {
            let (path, name) = {
                let entry = entry.map_err(failed(&self.0))?;
                (entry.path(), entry.file_name())
            };
            let kid = name.to_str().and_then(|name| name.strip_prefix(RETIRED));
            if let Some(kid) = kid.filter(|kid| !known(kid)) {
                let text = text(&path)?;
                let read = retired_key(kid, &text);
                retired.push(read.ok_or(KeyError::NotRetired(path))?);
            }
        }
        Ok(retired)
    }

    /// A new name in the folder is on the disk too before anything rests on it.
    fn on_disk(&self) -> Result<(), KeyError> {
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(&self.0))
    }
}

/// What a retired key left behind: `x ended_ms issuer…`.
fn retired_key(kid: &str, text: &str) -> Option<(PublicKey, Millis)> {
    let mut parts = text.split_whitespace().map(str::to_owned);
    let (x, ended) = (parts.next()?, parts.next()?.parse().ok()?);
    let key = PublicKey {
        kid: kid.to_owned(),
        x,
        issuers: parts.collect(),
    };
    Some((key, Millis(ended)))
}

fn file_name(generation: u32) -> String {
    match generation {
        1 => FIRST.to_owned(),
        later => format!("key-{later}.pem"),
    }
}

fn generation(name: &str) -> Option<u32> {
    if name == FIRST {
        return Some(1);
    }
    let later = name.strip_prefix("key-")?.strip_suffix(".pem")?.parse();
    later.ok().filter(|&later| later > 1)
}

fn read(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_pem(&text(path)?).map_err(|_| KeyError::NotAKey(path.to_owned()))
}

/// The text of a file that only we may read or change.
fn text(path: &Path) -> Result<String, KeyError> {
    let mode = fs::metadata(path)
        .map_err(failed(path))?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    fs::read_to_string(path).map_err(failed(path))
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

    /// The kids in the folder, oldest first.
    fn open(folder: &Path) -> Result<Vec<String>, KeyError> {
        let keys = Folder::open(folder, &SystemRandom)?.keys()?;
        Ok(keys.iter().map(|held| held.key.kid().to_owned()).collect())
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("deep/keys");
        let first = open(&keys).unwrap();
        let again = open(&keys).unwrap();
        assert_eq!((first.len(), first), (1, again), "a restart keeps the key");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&keys), 0o700);
        assert_eq!(mode(&keys.join(FIRST)), 0o600);
        let files = fs::read_dir(&keys).unwrap().count();
        assert_eq!(files, 1, "no draft is left behind");
    }

    #[test]
    fn replicas_that_start_together_end_with_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let together = Barrier::new(8);
        let kids: Vec<Vec<String>> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        open(&keys).unwrap()
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
        let path = folder.path().join(FIRST);
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

    #[test]
    fn of_two_replicas_that_make_the_next_key_the_first_decides_and_a_retired_one_leaves_its_public_half()
     {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path(), &SystemRandom).unwrap();
        for _ in 0..2 {
            folder.make(2, &SystemRandom).unwrap();
        }
        folder.make(10, &SystemRandom).unwrap();
        fs::write(path.path().join("key-x.pem"), "not ours").unwrap();
        let generations = |folder: &Folder| {
            let keys = folder.keys().unwrap();
            keys.iter().map(|held| held.generation).collect::<Vec<_>>()
        };
        assert_eq!(generations(&folder), [1, 2, 10]);
        let public = |generation| {
            let keys = folder.keys().unwrap();
            let held = keys.into_iter().find(|held| held.generation == generation);
            held.unwrap().key.public("https://line.example")
        };
        let first = public(1);
        for _ in 0..2 {
            folder.retire(1, &first, Millis(7)).unwrap();
        }
        let again = Folder::open(path.path(), &SystemRandom).unwrap();
        assert_eq!(generations(&again), [2, 10], "no first key is made again");
        let left = again.retired(|_| false).unwrap();
        assert_eq!(left, [(first.clone(), Millis(7))]);
        assert_eq!(again.retired(|kid| kid == first.kid).unwrap(), []);
        let left = path.path().join(format!("{RETIRED}{}", first.kid));
        fs::write(&left, "x y").unwrap();
        let garbled = again.retired(|_| false).unwrap_err();
        assert!(matches!(garbled, KeyError::NotRetired(_)), "{garbled}");
    }
}
