//! Everybody's accounts, at the ops door, for admins alone.

pub mod audit;
pub mod delete;
pub mod list;
pub mod patch;
pub mod post;

use chassis::Problem;
use domain::Refusal;
use domain::account::AccountId;
use ledger::{Account, AccountOutcome};

use super::Accounts;

/// The account that a path names.
fn named(account_id: &str) -> Result<AccountId, Problem> {
    account_id
        .parse()
        .map_err(|_| Refusal::NoSuchAccount.into())
}

/// What became of a change; the access tokens that it ended are over.
async fn settled(accounts: &Accounts, outcome: AccountOutcome) -> Result<Account, Problem> {
    match outcome {
        AccountOutcome::Done { account, ended } => {
            accounts.end_access(&ended).await;
            Ok(account)
        }
        AccountOutcome::NoSuchAccount => Err(Refusal::NoSuchAccount.into()),
        AccountOutcome::LastAdmin => Err(Refusal::LastAdmin.into()),
    }
}
