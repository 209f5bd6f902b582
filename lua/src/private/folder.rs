//! The folder of a private Redis: made, locked, and where its socket is.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ENDING_PATIENCE, LOOK_AGAIN};
use crate::connect::StoreError;

/// The longest path that a unix socket may have, with a little room.
const LONGEST_SOCKET_PATH: usize = 100;

/// Makes a folder, if missing, for its owner alone.
pub(super) fn made(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))
}

/// The folder as every working directory sees it.
pub(super) fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf())
}

/// Locks the folder, waiting up to `patience` for a process that is just ending.
pub(super) async fn locked(folder: &Path, patience: Duration) -> Result<File, StoreError> {
    let lock = File::create(folder.join("lock")).map_err(|error| unavailable(&error))?;
    let waiting = async {
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(unavailable(&error)),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(outcome) => outcome.map(|()| lock),
        Err(_) => Err(StoreError::Unavailable(format!(
            "another process uses the folder {}; stop it or choose another folder",
            folder.display()
        ))),
    }
}

/// Waits until nothing answers at the socket: a child whose parent was killed still writes its last byte.
pub(super) async fn earlier_child_ended(socket: &Path) -> Result<(), StoreError> {
    let ended = async {
        while UnixStream::connect(socket).is_ok() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(ENDING_PATIENCE, ended)
        .await
        .map_err(|_| {
            StoreError::Unavailable(format!(
                "another redis-server answers at {}; stop it",
                socket.display()
            ))
        })
}

/// The socket of a folder: inside it, or, where its path is too long for a socket, in a folder below the system's temporary
/// one, named by the path's hash.
pub(super) fn socket_of(folder: &Path) -> PathBuf {
    let folder = absolute(folder);
    let inside = folder.join("redis.sock");
    if inside.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    std::env::temp_dir()
        .join(format!("stanchion-{:016x}", hasher.finish()))
        .join("redis.sock")
}

/// A folder in a place where anybody may make one must belong to the owner of `folder`, and to nobody else.
pub(super) fn check_owner(elsewhere: &Path, folder: &Path) -> Result<(), StoreError> {
    match (elsewhere.metadata(), folder.metadata()) {
        (Ok(theirs), Ok(ours))
            if theirs.uid() == ours.uid() && theirs.mode().trailing_zeros() >= 6 =>
        {
            Ok(())
        }
        _ => Err(StoreError::Unavailable(format!(
            "{} is not for us alone; remove it",
            elsewhere.display()
        ))),
    }
}

/// The socket as a URL; what a URL gives a meaning of its own is written as `%XX`.
pub(super) fn url_of(socket: &Path) -> String {
    let mut url = "redis+unix://".to_owned();
    for &byte in socket.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// An error of the system as one of the store.
pub(super) fn unavailable(error: &io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_serves_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = locked(folder.path(), ENDING_PATIENCE).await.unwrap();
        let second = locked(folder.path(), Duration::from_millis(50)).await;
        let Err(StoreError::Unavailable(why)) = second else {
            panic!("both have it")
        };
        assert!(why.contains("another process uses the folder"), "{why}");
        drop(first);
        assert!(locked(folder.path(), Duration::ZERO).await.is_ok());
    }
}
