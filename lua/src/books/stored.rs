//! Books as the scripts keep them: the other end of their part "book".

use domain::Millis;
use domain::book::{Coupon, Lock, OnCancel, Rules};
use domain::event::AckLevel;

use crate::connect::StoreError;
use crate::events::given;
use crate::script::{Call, parsed};

/// Adds a book's rules to a call, as `write_rules` in part "book" takes them.
pub(crate) fn with_rules<'a>(call: Call<'a>, rules: &Rules) -> Result<Call<'a>, StoreError> {
    let json = serde_json::to_string(rules);
    let json = json.map_err(|error| StoreError::Unexpected(error.to_string()))?;
    let on_cancel = match rules.on_cancel {
        OnCancel::Return => "return",
        OnCancel::Keep => "keep",
    };
    Ok(call
        .arg(json)
        .arg(given(rules.expires_at.map(|at| at.0)))
        .arg(rules.max_per_person)
        .arg(rules.redemptions_per_code)
        .arg(given(rules.max_redemptions_per_person))
        .arg(rules.lock_s)
        .arg(on_cancel)
        .arg(rules.ack.map_or("", AckLevel::as_str)))
}

/// Writes a coupon as the scripts keep it.
pub(crate) fn coupon_text(coupon: &Coupon) -> String {
    let (until, token) = match &coupon.lock {
        Some(lock) => (lock.until.0, lock.token.as_str()),
        None => (0, "-"),
    };
    format!(
        "{} {} {until} {token} {} {}",
        coupon.redemptions,
        coupon.assigned_at.0,
        u8::from(coupon.is_cancelled),
        coupon.holder
    )
}

/// Reads a coupon as the scripts keep it: `uses assigned_ms until_ms token cancelled holder`.
pub(crate) fn coupon(stored: &str) -> Result<Coupon, StoreError> {
    let mut parts = stored.splitn(6, ' ');
    let mut next = || {
        parts
            .next()
            .ok_or_else(|| StoreError::Unexpected("a coupon with parts missing".to_owned()))
    };
    let redemptions = parsed(next()?)?;
    let assigned_at = Millis(parsed(next()?)?);
    let until = Millis(parsed(next()?)?);
    let token = next()?.to_owned();
    let is_cancelled = next()? == "1";
    Ok(Coupon {
        holder: parsed(next()?)?,
        assigned_at,
        redemptions,
        lock: (until.0 > 0).then_some(Lock { token, until }),
        is_cancelled,
    })
}
