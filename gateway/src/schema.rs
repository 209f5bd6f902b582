//! Schemas of the domain's types for the API's description; the domain itself knows nothing of OpenAPI.

use std::borrow::Cow;

use domain::Phase;
use domain::chance::Chance;
use domain::place::GoneReason;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The names of the phases.
pub struct PhaseSchema;

/// The names of the reasons for which a place is gone.
pub struct GoneReasonSchema;

/// The names of the chances.
pub struct ChanceSchema;

impl PartialSchema for PhaseSchema {
    fn schema() -> RefOr<Schema> {
        names(
            Phase::ALL.map(Phase::as_str),
            "Where an event stands in its life.",
        )
    }
}

impl ToSchema for PhaseSchema {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Phase")
    }
}

impl PartialSchema for GoneReasonSchema {
    fn schema() -> RefOr<Schema> {
        names(
            GoneReason::ALL.map(GoneReason::as_str),
            "Why a place is no longer in the line.",
        )
    }
}

impl ToSchema for GoneReasonSchema {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("GoneReason")
    }
}

impl PartialSchema for ChanceSchema {
    fn schema() -> RefOr<Schema> {
        names(
            Chance::ALL.map(Chance::as_str),
            "Whether there will be a coupon for a visitor, told from those left, those before them, and how many took theirs so far.",
        )
    }
}

impl ToSchema for ChanceSchema {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Chance")
    }
}

fn names<const N: usize>(names: [&'static str; N], description: &'static str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(names))
        .into()
}
