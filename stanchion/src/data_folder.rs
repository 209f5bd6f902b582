//! The data folder: what is kept on this machine. Nobody but its owner may read it, and one process at a time runs the stores
//! in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chassis::admin::AdminToken;
use chassis::config::{RoleName, ServeConfig, WrongSetting};
use domain::Random;

/// The folder.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// `--data` as it was written.
    written: String,
}

/// The right to run the stores in the folder; ends with the process, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// The admin token of the folder, and whether it was made just now.
#[derive(Debug)]
pub struct KeptToken {
    /// The token.
    pub token: AdminToken,
    /// Made just now: to be shown once.
    pub is_new: bool,
}

impl DataFolder {
    /// The folder for a process that serves: made where it is missing and kept from everybody else's eyes, if the process
    /// will keep anything in it.
    pub fn open(config: &ServeConfig) -> Result<Self, WrongSetting> {
        let folder = Self::at(config);
        let keeps_token = config.has(RoleName::Admission) && config.admin_token.is_none();
        if runs_stores(config) || keeps_token {
            folder
                .prepare()
                .map_err(|failure| folder.unusable(&failure))?;
        }
        Ok(folder)
    }

    /// The folder for a look at what a process that serves keeps in it.
    pub fn existing(config: &ServeConfig) -> Result<Self, WrongSetting> {
        let folder = Self::at(config);
        let is_looked_at = config.redis_url.is_none() || config.database_url.is_none();
        if is_looked_at && !folder.path.is_dir() {
            return Err(folder.wrong("a folder that `stanchion serve` has run on"));
        }
        Ok(folder)
    }

    fn at(config: &ServeConfig) -> Self {
        Self {
            path: config.data.clone(),
            written: config.written.data.clone(),
        }
    }

    /// Where the private Redis keeps its files.
    pub fn redis(&self) -> PathBuf {
        self.path.join("redis")
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.sqlite")
    }

    /// Takes the right to run the stores here; `None` when another process has it.
    pub fn try_lock(&self) -> Result<Option<FolderLock>, WrongSetting> {
        let file = self
            .open_lock()
            .map_err(|failure| self.unusable(&failure))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(failure)) => return Err(self.unusable(&failure)),
        }
        let note = |mut file: &File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        note(&file).map_err(|failure| self.unusable(&failure))?;
        Ok(Some(FolderLock { _file: file }))
    }

    /// As [`Self::try_lock`], where another process in the folder is a wrong setting.
    pub fn lock(&self) -> Result<FolderLock, WrongSetting> {
        self.try_lock()?.ok_or_else(|| {
            let mut holder = String::new();
            // Only to say who: without an answer the complaint is as true.
            let _ = self.open_lock().and_then(|mut file| file.read_to_string(&mut holder));
            let process = holder.trim();
            self.wrong(&format!(
                "a folder that no other `stanchion` runs on, and process {process} does: stop it first, or choose another folder"
            ))
        })
    }

    fn open_lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        options.open(self.path.join("lock"))
    }

    /// The token kept in the folder, made at the first start.
    pub fn admin_token(&self, random: &dyn Random) -> Result<KeptToken, WrongSetting> {
        let path = self.path.join("admin-token");
        let made = AdminToken::generate(random);
        let is_new = write_once(&path, made.reveal()).map_err(|failure| self.unusable(&failure))?;
        let kept = fs::read_to_string(&path).map_err(|failure| self.unusable(&failure))?;
        let kept = kept.trim();
        if kept.is_empty() || !kept.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(self.wrong(
                "a folder whose file admin-token holds one line of visible ASCII: delete the file to have a new one made",
            ));
        }
        Ok(KeptToken {
            token: AdminToken::new(kept),
            is_new,
        })
    }

    fn prepare(&self) -> io::Result<()> {
        make(&self.path)?;
        let mut permissions = fs::metadata(&self.path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            fs::set_permissions(&self.path, permissions)?;
        }
        self.open_lock().map(drop)
    }

    fn unusable(&self, failure: &io::Error) -> WrongSetting {
        self.wrong(&format!("a folder that this user may write to ({failure})"))
    }

    fn wrong(&self, allowed: &str) -> WrongSetting {
        WrongSetting::new(&self.written, &self.path.to_string_lossy(), allowed)
    }
}

/// Makes the folder of the signing keys, so that one that cannot be used is told before anything starts.
pub fn prepare_keys(config: &ServeConfig) -> Result<(), WrongSetting> {
    make(&config.keys).map_err(|failure| {
        let folder = config.keys.to_string_lossy();
        let allowed = format!("a folder that this user may write to ({failure})");
        WrongSetting::new(&config.written.keys, &folder, &allowed)
    })
}

/// Makes a folder for its owner alone, where it is missing.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Does a process with this configuration run a store in the folder?
pub fn runs_stores(config: &ServeConfig) -> bool {
    config.redis_url.is_none() || needs_ledger(config) && config.database_url.is_none()
}

/// Does a process with this configuration use the ledger? The persister writes it; the issuer keeps accounts in it.
pub fn needs_ledger(config: &ServeConfig) -> bool {
    config.has(RoleName::Persister) || config.has(RoleName::Issuer)
}

/// Writes a secret to a new file, whole or not at all; false when the file is there already.
fn write_once(path: &Path, secret: &str) -> io::Result<bool> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(true),
        Err(failure) if failure.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use chassis::config::Environment;
    use chassis::system::SystemRandom;

    use super::*;

    fn config(data: &Path) -> ServeConfig {
        let args = ["--data".to_owned(), data.display().to_string()];
        ServeConfig::parse(&args, &Environment::new()).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_token_are_for_their_owner_alone_and_stay() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&config(&path)).unwrap();
        let first = folder.admin_token(&SystemRandom).unwrap();
        assert!(first.is_new);
        assert_eq!(
            (mode(&path), mode(&path.join("admin-token"))),
            (0o700, 0o600)
        );

        let again = DataFolder::open(&config(&path)).unwrap();
        let kept = again.admin_token(&SystemRandom).unwrap();
        assert!(!kept.is_new && kept.token.matches(first.token.reveal()));
        let files = fs::read_dir(&path).unwrap().count();
        assert_eq!(files, 2, "the lock and the token");
    }

    #[test]
    fn a_folder_open_to_others_is_closed_to_them() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
        DataFolder::open(&config(parent.path())).unwrap();
        assert_eq!(mode(parent.path()), 0o700);
    }

    #[test]
    fn two_processes_cannot_run_the_stores_of_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&config(parent.path())).unwrap();
        let lock = folder.lock().unwrap();
        assert!(folder.try_lock().unwrap().is_none());
        let complaint = folder.lock().unwrap_err().to_string();
        assert!(complaint.contains("--data holds"), "{complaint}");
        assert!(complaint.contains(&std::process::id().to_string()));
        drop(lock);
        assert!(folder.try_lock().unwrap().is_some());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_a_wrong_setting() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let complaint = DataFolder::open(&config(&file.join("below"))).unwrap_err();
        assert!(
            complaint.to_string().contains("--data holds"),
            "{complaint}"
        );
        assert!(DataFolder::existing(&config(&parent.path().join("none"))).is_err());

        let folder = DataFolder::open(&config(parent.path())).unwrap();
        fs::write(parent.path().join("admin-token"), "").unwrap();
        assert!(folder.admin_token(&SystemRandom).is_err());
    }
}
