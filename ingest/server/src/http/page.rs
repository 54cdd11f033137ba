//! The web page, embedded in the program. A program built without it says how to build it.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

use super::Refusal;

#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

/// Everything comes from here and nothing from elsewhere. `worker-src blob:` and `img-src data:
/// blob:` are what the map library makes for itself.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"vi\">
<meta charset=\"utf-8\">
<title>Trạm</title>
<h1>Trạm</h1>
<p>Trung tâm đang chạy. Chương trình này được dựng mà không có trang web: chạy
<code>make web</code> (cần Node.js 20), dựng lại chương trình rồi tải lại trang.</p>
<p>The centre is running. This program was built without its web page: build it with
<code>make web</code> (it needs Node.js 20), build the program again, and reload.</p>
<ul>
<li><a href=\"/api/v1/stations\">/api/v1/stations</a>
<li><a href=\"/api/v1/latest\">/api/v1/latest</a>
<li><a href=\"/api/v1/alarms\">/api/v1/alarms</a>
<li><a href=\"/api/v1/quarantine\">/api/v1/quarantine</a>
<li><a href=\"/cap/alerts.atom\">/cap/alerts.atom</a>
<li><a href=\"/metrics\">/metrics</a>
<li><a href=\"/openapi.json\">/openapi.json</a>
</ul>
";

/// Answers everything that is no path of the interface.
pub(super) async fn page(request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return nowhere(request.uri().path());
    }
    let path = request.uri().path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = Files::get(path) {
        return answer(path, file, request.headers());
    }
    // A path of the page's own, such as that of a station, is the page; the page does the rest.
    let of_the_page = !path.contains('.') && !reserved(path);
    match Files::get("index.html") {
        Some(file) if of_the_page => answer("index.html", file, request.headers()),
        None if path == "index.html" => {
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
        }
        _ => nowhere(request.uri().path()),
    }
}

/// Whether the page was built into the program.
pub(crate) fn is_built() -> bool {
    Files::get("index.html").is_some()
}

fn reserved(path: &str) -> bool {
    ["act", "api", "cap", "v1.1", "assets"]
        .iter()
        .any(|p| path == *p || path.starts_with(&format!("{p}/")))
}

fn nowhere(path: &str) -> Response {
    Refusal::not_found(format!("there is nothing at {path}"), "GET /openapi.json lists every path")
        .into_response()
}

fn answer(path: &str, file: rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag =
        format!("\"{}\"", crate::broker::node_add::hexadecimal(hash.get(..16).unwrap_or(&hash)));
    // Vite puts the digest of a file into its name below assets/; such a file never changes.
    let cache = match path.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == etag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, content_type(path))], file.data).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "geojson" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Adds the headers that every answer has.
pub(super) async fn security(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", CONTENT_POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        // A page that needs another policy has brought its own.
        headers
            .entry(HeaderName::from_static(name))
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_not_the_page() {
        for (path, expected) in [
            ("api", true),
            ("api/v1/x", true),
            ("cap/x", true),
            ("apiary", false),
            ("stations/a", false),
        ] {
            assert_eq!(reserved(path), expected, "{path}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        assert!(!CONTENT_POLICY.contains("http") && !CONTENT_POLICY.contains('*'));
        assert!(!CONTENT_POLICY.contains("unsafe"));
    }
}
