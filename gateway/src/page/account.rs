//! `GET /account`: the page on which people sign in and keep their coupons. It holds nothing of anybody; its calls do.

use axum::http::header::CACHE_CONTROL;
use axum::response::{Html, IntoResponse};

/// The account page.
#[utoipa::path(
    get, operation_id = "account_page", path = "/account", tag = "accounts",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)),
)]
pub async fn handler() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-cache")], Html(web::account_shell()))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use axum::http::header::CONTENT_TYPE;

    use crate::tests::rig::{Rig, request};

    #[tokio::test]
    async fn the_account_page_comes_whole_with_the_files_it_loads() {
        let rig = Rig::start().await;
        let get = |path: &str| rig.send(request(Method::GET, path, &[], ""));
        let page = get("/account").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header(CONTENT_TYPE), "text/html; charset=utf-8");
        let page = page.text();
        let files = page.split('"').filter(|text| text.starts_with("/assets/"));
        let files: Vec<&str> = files.collect();
        assert_eq!(files.len(), 3, "{page}");
        for file in files {
            assert_eq!(get(file).await.status, 200, "{file}");
        }
    }
}
