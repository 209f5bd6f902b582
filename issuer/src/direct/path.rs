//! Which of the lettered paths a request means: read in any case, with or without a slash at the end.

/// What a path under `/api/coupons` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// All coupons.
    Coupons,
    /// Claiming; and for those who look, a coupon of that name.
    Claim {
        /// The name as it was written, percent-encoded.
        name: String,
    },
    /// One coupon.
    Coupon {
        /// Its name, percent-encoded.
        name: String,
    },
    /// Deeper than anything is.
    Nothing,
}

impl Target {
    /// The target of a path; `None` for one that is not under `/api/coupons`.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.strip_prefix('/')?.split('/');
        let mut next_is = |word: &str| parts.next().is_some_and(|p| p.eq_ignore_ascii_case(word));
        if !(next_is("api") && next_is("coupons")) {
            return None;
        }
        Some(match (parts.next(), parts.next()) {
            (None, _) => Self::Coupons,
            (Some(""), _) | (_, Some(_)) => Self::Nothing,
            (Some(name), None) if name.eq_ignore_ascii_case("claim") => {
                Self::Claim { name: name.into() }
            }
            (Some(name), None) => Self::Coupon { name: name.into() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_any_case_and_names_keep_theirs() {
        let coupon = |name: &str| Some(Target::Coupon { name: name.into() });
        let claim = |name: &str| Some(Target::Claim { name: name.into() });
        for (path, target) in [
            ("/api/coupons", Some(Target::Coupons)),
            ("/API/Coupons/", Some(Target::Coupons)),
            ("/api/coupons/PROMO", coupon("PROMO")),
            ("/Api/Coupons/Promo/", coupon("Promo")),
            ("/api/coupons/a%2Fb", coupon("a%2Fb")),
            ("/api/coupons/claim", claim("claim")),
            ("/api/coupons/CLAIM/", claim("CLAIM")),
            ("/api/coupons/claim/x", Some(Target::Nothing)),
            ("/api/coupons//", Some(Target::Nothing)),
            ("/api/coupon", None),
            ("/api", None),
            ("/", None),
        ] {
            assert_eq!(Target::of(path), target, "{path}");
        }
    }
}
