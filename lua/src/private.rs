//! A private `redis-server` child: the embedded default's store, and the one that tests run on. Unix socket only, AOF on
//! every write, its own folder. It ends with its parent, also when the parent is killed.

use std::path::{Path, PathBuf};

use crate::connect::{Settings, StoreError};

/// A running child. Dropping it kills it; [`Self::stop`] lets it write its last byte first.
pub struct PrivateRedis {
    folder: PathBuf,
}

impl PrivateRedis {
    /// Starts `redis-server` in `folder` (made if missing) and waits until it answers. A child of an earlier run that is still
    /// ending there is waited for.
    pub async fn start(folder: &Path) -> Result<Self, StoreError> {
        let _ = folder;
        unimplemented!()
    }

    /// How to reach it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let _ = &self.folder;
        unimplemented!()
    }

    /// Stops it cleanly.
    pub async fn stop(self) -> Result<(), StoreError> {
        unimplemented!()
    }
}
