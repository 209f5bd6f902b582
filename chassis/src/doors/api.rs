//! The API's description: what every process has, and, put to each role's part, what every error looks like.

use std::collections::BTreeMap;

use domain::Refusal;
use serde_json::json;
use utoipa::OpenApi as _;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, Ref, RefOr, Required};

/// The description of what every process has.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Stanchion",
        description = "A waiting room that issues the scarce thing: a fair line, a ticket, a coupon, and a record of each."
    ),
    paths(
        super::pages::problem,
        crate::health::healthy,
        crate::health::live,
        crate::health::ready,
        crate::telemetry::shown
    ),
    components(schemas(Problem))
)]
struct Described;

/// The body of every error (RFC 9457). Further members are named where they come.
#[derive(utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the body that `crate::Problem` writes"
)]
struct Problem {
    /// `/problems/<name>`: answered by both doors with a page that explains it.
    #[schema(example = "/problems/bad-request")]
    r#type: String,
    /// A few words, the same in every case.
    title: String,
    /// The HTTP status.
    status: u16,
    /// One sentence that says what to do.
    detail: String,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
    /// The field that is not as it must be, with `bad-request` and `event-is-live`.
    field: Option<String>,
}

/// The whole description: every role's part in one.
pub(super) fn whole(parts: &[OpenApi]) -> OpenApi {
    let mut api = Described::openapi();
    for part in parts {
        api.merge(part.clone());
    }
    let schemas = api.components.as_ref().map(|held| &held.schemas);
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            name_the_errors_body(operation);
            say_whether_a_body_is_needed(operation, schemas);
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// Every error without a body of its own has a problem's, with an example of each refusal that its description names.
fn name_the_errors_body(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let problem = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .examples_from_iter(examples(status, &response.description))
                .build();
            response
                .content
                .insert("application/problem+json".to_owned(), RefOr::T(problem));
        }
    }
}

/// An empty body reads as `{}`: where no field is required, none has to be sent.
fn say_whether_a_body_is_needed(
    operation: &mut Operation,
    schemas: Option<&BTreeMap<String, RefOr<Schema>>>,
) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    let shape = body.content.get("application/json");
    let named = shape.and_then(|shape| match shape {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(named)),
            ..
        }) => schemas?.get(named.ref_location.rsplit('/').next()?),
        _ => None,
    });
    if let Some(RefOr::T(Schema::Object(object))) = named
        && object.required.is_empty()
    {
        body.required = Some(Required::False);
    }
}

/// The refusals of this status that are named between back-ticks, each as its answer looks.
fn examples<'a>(
    status: &'a str,
    description: &'a str,
) -> impl Iterator<Item = (&'static str, Example)> + use<'a> {
    let refusals = description.split('`').filter_map(Refusal::named);
    let shown = refusals.map(Refusal::shown);
    shown
        .filter(move |shown| shown.status.to_string() == status)
        .map(|shown| {
            let body = json!({
                "type": format!("/problems/{}", shown.name),
                "title": shown.title,
                "status": shown.status,
                "detail": shown.explanation,
                "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            });
            (shown.name, ExampleBuilder::new().value(Some(body)).build())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(called, changed, made))]
    struct Part;

    #[derive(utoipa::ToSchema)]
    #[expect(dead_code, reason = "only its description is used")]
    struct Change {
        name: Option<String>,
    }

    #[derive(utoipa::ToSchema)]
    #[expect(dead_code, reason = "only its description is used")]
    struct New {
        name: String,
    }

    #[utoipa::path(patch, path = "/thing", request_body = Change, responses((status = 200, description = "ok")))]
    #[expect(dead_code, reason = "only its description is used")]
    fn changed() {}

    #[utoipa::path(post, path = "/thing", request_body = New, responses((status = 201, description = "ok")))]
    #[expect(dead_code, reason = "only its description is used")]
    fn made() {}

    #[test]
    fn a_body_whose_fields_may_all_be_left_out_may_be_left_out() {
        let api = serde_json::to_value(whole(&[Part::openapi()])).unwrap();
        let thing = &api["paths"]["/thing"];
        assert_eq!(thing["patch"]["requestBody"]["required"], false);
        assert_eq!(thing["post"]["requestBody"]["required"], true);
    }

    #[utoipa::path(get, path = "/called", responses((status = 200, description = "ok"), (status = 404, description = "`not-found`, not `gone`")))]
    #[expect(dead_code, reason = "only its description is used")]
    fn called() {}

    #[test]
    fn a_roles_part_is_merged_and_its_errors_are_problems() {
        let api = whole(&[Part::openapi()]);
        let json = serde_json::to_value(&api).unwrap();
        assert_eq!(json["info"]["version"], env!("CARGO_PKG_VERSION"));
        let responses = &json["paths"]["/called"]["get"]["responses"];
        let body = &responses["404"]["content"]["application/problem+json"];
        assert_eq!(body["schema"]["$ref"], "#/components/schemas/Problem");
        let examples = body["examples"].as_object().unwrap();
        assert_eq!(examples.len(), 1);
        assert_eq!(
            examples["not-found"]["value"]["type"],
            "/problems/not-found"
        );
        assert!(responses["200"].get("content").is_none());
        assert!(json["components"]["schemas"]["Problem"]["properties"]["detail"].is_object());
        assert!(json["paths"]["/health"].is_object());
    }
}
