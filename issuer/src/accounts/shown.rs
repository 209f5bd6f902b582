//! Accounts as clients see them.

use domain::Millis;
use domain::account::{AccountId, Email, Name, Role};
use ledger::Account;
use serde::Serialize;
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownAccount {
    /// Its id; its coupons are held under it.
    #[schema(value_type = String, example = "acc_bGV0cyBub3QgZ3Vlc3MgaQ")]
    account_id: AccountId,
    /// Its address, in lower case.
    #[schema(value_type = String, example = "ana@example.org")]
    email: Email,
    /// What it is called.
    #[schema(value_type = Option<String>, required)]
    name: Option<Name>,
    /// What it may do.
    #[schema(value_type = RoleSchema)]
    role: Role,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Millis,
}

/// What an account may do: `operator` reads everything at the ops door but accounts and keys, and changes admission and phases;
/// `admin` everything.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "it describes `domain::account::Role`, which knows no OpenAPI"
)]
pub enum RoleSchema {
    User,
    Operator,
    Admin,
}

impl From<Account> for ShownAccount {
    fn from(account: Account) -> Self {
        Self {
            account_id: account.id,
            email: account.email,
            name: account.name,
            role: account.role,
            created_at: account.created_at,
        }
    }
}
