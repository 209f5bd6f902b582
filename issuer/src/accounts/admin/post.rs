//! `POST /api/v1/admin/accounts`: makes an account with a role.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::Problem;
use chassis::admin::Staff;
use domain::account::{Email, Name, Password, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::accounts::post_account::{New, make};
use crate::accounts::shown::{RoleSchema, ShownAccount};

/// The account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAccountWithRole)]
pub struct Body {
    /// One account each.
    #[schema(value_type = String, format = Email, max_length = 254)]
    email: Email,
    /// 10–128 characters.
    #[schema(value_type = String, min_length = 10, max_length = 128)]
    password: Password,
    /// What it may do.
    #[schema(value_type = RoleSchema)]
    role: Role,
    /// What it is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Name>,
}

/// Makes an account with a role.
#[utoipa::path(
    post, operation_id = "make_account", path = "/api/v1/admin/accounts", tag = "staff",
    request_body = Body,
    responses(
        (status = 201, description = "The new account", body = ShownAccount),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 409, description = "`account-exists`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn handler(
    State(accounts): State<Arc<Accounts>>,
    staff: Staff,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<(StatusCode, Json<ShownAccount>), Problem> {
    let new = New {
        email: body.email,
        password: body.password,
        name: body.name,
        role: body.role,
    };
    let account = make(&accounts, new, Some(staff.name())).await?;
    Ok((StatusCode::CREATED, Json(account.into())))
}
