//! Hashing of passwords: Argon2id, a few at a time, so that a flood of them leaves the processor to the line.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use chassis::Problem;
use domain::account::Password;
use domain::{Random, Refusal};
use tokio::sync::Semaphore;

/// How many may wait for their turn; one more is asked to come back.
const MOST_WAITING: usize = 32;
/// What whoever finds the queue full is told to wait, in seconds.
const FULL_WAIT_S: u32 = 2;
/// The salt, in bytes.
const SALT: usize = 16;

/// Hashes passwords with the library's parameters, which are OWASP's: 19 MiB, two passes, one lane.
pub struct Passwords {
    /// Those at work and those that wait.
    queue: Arc<Semaphore>,
    /// Those at work: a quarter of the processors.
    turns: Arc<Semaphore>,
    /// The hash that a password is checked against where there is no account.
    decoy: Arc<str>,
}

impl Passwords {
    /// Makes the decoy, with a password that nobody knows.
    pub fn new(random: &dyn Random) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = (processors / 4).max(1);
        let mut unknown = [0; 32];
        random.fill(&mut unknown);
        Self {
            queue: Arc::new(Semaphore::new(turns + MOST_WAITING)),
            turns: Arc::new(Semaphore::new(turns)),
            decoy: hashed(&unknown, random).unwrap_or_default().into(),
        }
    }

    /// The hash to keep for a new password.
    pub async fn hash(
        &self,
        password: &Password,
        random: &Arc<dyn Random>,
    ) -> Result<String, Problem> {
        let (password, random) = (password.clone(), random.clone());
        self.in_turn(move || hashed(password.reveal().as_bytes(), random.as_ref()))
            .await?
            .map_err(Problem::try_again)
    }

    /// Does the password fit the hash? Without a hash it fits nothing, after just as long.
    pub async fn fits(&self, password: &str, hash: Option<&str>) -> Result<bool, Problem> {
        let (password, known) = (password.to_owned(), hash.is_some());
        let hash: Arc<str> = hash.map_or_else(|| self.decoy.clone(), Arc::from);
        let fits = self
            .in_turn(move || {
                Argon2::default()
                    .verify_password(password.as_bytes(), &*hash)
                    .is_ok()
            })
            .await?;
        Ok(fits && known)
    }

    /// Does slow work when its turn comes; `slow-down` when too many wait already. A caller who goes away does not free the
    /// processor before the work is done.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(place) = self.queue.clone().try_acquire_owned() else {
            let detail = "Too many passwords are being checked at the moment; try again.";
            return Err(Problem::new(Refusal::SlowDown, detail).retry_after(FULL_WAIT_S));
        };
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(Problem::try_again)?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        working.await.map_err(Problem::try_again)
    }
}

fn hashed(password: &[u8], random: &dyn Random) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0; SALT];
    random.fill(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password, &salt)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use chassis::system::SystemRandom;

    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone_and_nothing_fits_no_account() {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let passwords = Passwords::new(random.as_ref());
        let password: Password = "correct horse".parse().unwrap();
        let hash = passwords.hash(&password, &random).await.unwrap();
        let again = passwords.hash(&password, &random).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(hash, again, "each has a salt of its own");
        assert!(passwords.fits("correct horse", Some(&hash)).await.unwrap());
        assert!(!passwords.fits("correct hors", Some(&hash)).await.unwrap());
        assert!(!passwords.fits("correct horse", None).await.unwrap());
        assert!(
            passwords
                .decoy
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
    }

    #[tokio::test]
    async fn a_flood_is_worked_off_a_few_at_a_time_and_the_rest_is_told_to_come_back() {
        let passwords = Arc::new(Passwords::new(&SystemRandom));
        let turns = passwords.turns.available_permits();
        let at_once = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (open, gate) = tokio::sync::watch::channel(false);
        let mut flood = tokio::task::JoinSet::new();
        for _ in 0..turns + MOST_WAITING + 20 {
            let (passwords, at_once, gate) = (passwords.clone(), at_once.clone(), gate.clone());
            flood.spawn(async move {
                let work = move || {
                    let now = at_once.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                    while !*gate.borrow() {
                        std::thread::yield_now();
                    }
                    at_once.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    now
                };
                passwords.in_turn(work).await
            });
        }
        let mut refused = 0;
        while refused < 20 {
            let problem = flood.join_next().await.unwrap().unwrap().unwrap_err();
            assert_eq!(problem.refusal(), Refusal::SlowDown);
            refused += 1;
        }
        open.send(true).unwrap();
        while let Some(worked) = flood.join_next().await {
            assert!(worked.unwrap().unwrap() <= turns);
        }
        assert_eq!(passwords.queue.available_permits(), turns + MOST_WAITING);
    }
}
