//! HTML for the pages that explain: text made safe, names of refusals made links, the frame of a page.

use std::fmt::Write as _;

use domain::Refusal;

/// Where the pages' one style sheet is.
pub(super) const LOOK: &str = "/docs/look.css";

/// A whole page around `body`, which is HTML.
pub(super) fn framed(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{LOOK}\">\n{body}\n</html>\n"
    )
}

/// Escaped text with `code` between back-ticks. The name of a refusal is a link: `refusals` with the name behind it.
pub(super) fn marked_up(text: &str, refusals: &str) -> String {
    let mut page = String::new();
    for (n, piece) in text.split('`').enumerate() {
        let shown = escaped(piece);
        // Writing to a String does not fail.
        let _ = match (n % 2 == 1, Refusal::named(piece)) {
            (false, _) => write!(page, "{shown}"),
            (true, None) => write!(page, "<code>{shown}</code>"),
            (true, Some(_)) => write!(
                page,
                "<a href=\"{refusals}{shown}\"><code>{shown}</code></a>"
            ),
        };
    }
    page
}

/// Text as HTML, also within an attribute.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What `shown` makes of each item, one after the other.
pub(super) fn each<T>(
    items: impl IntoIterator<Item = T>,
    shown: impl FnMut(T) -> String,
) -> String {
    let pieces: Vec<String> = items.into_iter().map(shown).collect();
    pieces.concat()
}
