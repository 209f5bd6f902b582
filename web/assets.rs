//! The queue page, the account page and the ops console as built by Vite, inside the binary: three shells and the files they load.
//! Serves nothing itself; the doors decide on headers and conditional requests.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

/// In the queue shell: the page's language, `en` or `ko`. Stands in the `lang` attribute of `<html>`.
pub const LANG: &str = "<!--stanchion:lang-->";
/// In the queue shell: the event's title, HTML-escaped. Stands in `<title>` and in the page's one `<h1>`, so replace every one.
pub const TITLE: &str = "<!--stanchion:title-->";
/// In the queue shell: HTML for the end of `<head>`. For a person in line put the refresh here, for browsers without scripts alone:
/// `<noscript><meta http-equiv="refresh" content="5"></noscript>`; otherwise nothing.
pub const HEAD: &str = "<!--stanchion:head-->";
/// In the queue shell: HTML for the inside of `<main>`, shown until the script takes over, or for good without scripts.
/// It may use the page's own classes: `<section class="screen"><h2>…</h2><p>…</p></section>`, `<p class="number">1,234</p>`,
/// `<form method="post"><button class="primary">Join the line</button></form>`. No `style` attribute, no script: the content
/// security policy is `default-src 'self'`.
pub const FALLBACK: &str = "<!--stanchion:fallback-->";

#[derive(RustEmbed)]
#[folder = "dist"]
struct Built;

/// One file of a page.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The file.
    pub bytes: Cow<'static, [u8]>,
    /// The same, gzipped, for callers that accept it; `None` when there is no such twin.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// For `ETag`, quotes included: the digest of the bytes.
    pub etag: String,
    /// The name holds a digest of the bytes: may be kept for ever.
    pub immutable: bool,
}

/// The file that both doors serve at `path`, such as `/assets/queue-B1x2.js`; `None` when there is none.
/// The shells are not among them.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let name = path.strip_prefix('/')?;
    let content_type = content_type(name)?;
    if !name.starts_with("assets/") {
        return None;
    }
    let EmbeddedFile { data, metadata } = Built::get(name)?;
    Some(Asset {
        bytes: data,
        gzip: Built::get(&format!("{name}.gz")).map(|twin| twin.data),
        content_type,
        etag: quoted_hex(&metadata.sha256_hash()),
        immutable: true,
    })
}

/// The queue page, with [`LANG`], [`TITLE`], [`HEAD`] and [`FALLBACK`] still to be filled for an event. It has browsers tell
/// their origin to its own site, whatever the doors' headers ask: a form that hides it could not enter.
#[must_use]
pub fn queue_shell() -> &'static str {
    include_str!("dist/queue.html")
}

/// The account page, complete.
#[must_use]
pub fn account_shell() -> &'static str {
    include_str!("dist/account.html")
}

/// The ops console, complete.
#[must_use]
pub fn console_shell() -> &'static str {
    include_str!("dist/console.html")
}

/// `None` for what no page loads itself, such as the gzipped twins.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn quoted_hex(digest: &[u8]) -> String {
    let mut etag = String::with_capacity(2 + 2 * 16);
    etag.push('"');
    for byte in &digest[..16] {
        etag.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        etag.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    etag.push('"');
    etag
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that a shell loads.
    fn loaded(shell: &str) -> Vec<&str> {
        shell
            .split('"')
            .filter(|text| text.starts_with("/assets/"))
            .collect()
    }

    #[test]
    fn everything_a_shell_loads_is_there() {
        for shell in [queue_shell(), account_shell(), console_shell()] {
            let mut types = Vec::new();
            for path in loaded(shell) {
                let asset = asset(path).expect(path);
                assert!(!asset.bytes.is_empty(), "{path}");
                types.push(asset.content_type);
                assert_eq!(asset.etag.len(), 34, "{path}");
                let gzip = asset.gzip.expect(path);
                assert_eq!(gzip[..2], [0x1f, 0x8b], "{path}");
            }
            types.sort_unstable();
            assert_eq!(
                types,
                [
                    "image/svg+xml",
                    "text/css; charset=utf-8",
                    "text/javascript; charset=utf-8",
                ]
            );
        }
    }

    #[test]
    fn the_queue_shell_has_every_place_to_fill() {
        for (placeholder, times) in [(LANG, 1), (TITLE, 2), (HEAD, 1), (FALLBACK, 1)] {
            assert_eq!(
                queue_shell().matches(placeholder).count(),
                times,
                "{placeholder}"
            );
        }
        for complete in [account_shell(), console_shell()] {
            assert!(!complete.contains("<!--stanchion:"));
        }
    }

    #[test]
    fn a_form_on_the_queue_page_tells_its_origin() {
        assert!(queue_shell().contains("<meta name=\"referrer\" content=\"same-origin\""));
    }

    #[test]
    fn the_content_security_policy_default_src_self_holds() {
        for shell in [queue_shell(), account_shell(), console_shell()] {
            assert!(!shell.contains("<style"));
            assert!(!shell.contains(" style="));
            assert!(!shell.contains("://"));
            for script in shell.split("<script").skip(1) {
                assert!(script.contains("src=\"/assets/"), "{script}");
            }
        }
    }

    #[test]
    fn nothing_but_assets_is_served() {
        for path in [
            "",
            "/",
            "/queue.html",
            "/account.html",
            "/console.html",
            "/assets/",
            "/assets/../queue.html",
            "/assets/nothing.js",
            "assets/nothing.js",
        ] {
            assert!(asset(path).is_none(), "{path}");
        }
        let twin = format!("{}.gz", loaded(queue_shell())[0]);
        assert!(asset(&twin).is_none());
    }
}
