//! Who may change something: a page of our own, or a program that has the token.

use axum::http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq;

use super::Refusal;

/// What a request that changes something has to show.
#[derive(Clone)]
pub(crate) struct Guard {
    /// The token, when one is configured.
    token: Option<String>,
    /// The names the centre is reached under, `host` or `host:port`; `None` when it can be
    /// reached under any, and the token decides.
    hosts: Option<Vec<String>>,
}

impl Guard {
    /// A guard; `hosts` are the names it answers to when it listens on loopback.
    pub(crate) fn new(token: Option<String>, hosts: Option<Vec<String>>) -> Self {
        Self { token, hosts }
    }

    /// Checks the headers of a request that changes something.
    ///
    /// A form on another site can send neither JSON nor our origin, a page that has bound its
    /// own name to our address (DNS rebinding) does not have ours, and a program has no origin.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default();
        if kind.trim() != "application/json" {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is not announced as JSON",
                "send the header content-type: application/json",
            ));
        }
        let host = text(header::HOST).unwrap_or_default();
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|h| h == host)) {
            return Err(forbidden(
                "the centre is not known under this name",
                "open it under its own address, or name it in `alerts.public_url`",
            ));
        }
        let site = headers.get("sec-fetch-site").map(|v| v.as_bytes());
        let same_site = matches!(site, None | Some(b"same-origin" | b"none"));
        let same_origin = text(header::ORIGIN).is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, origin_host)| origin_host == host)
        });
        if !same_site || !same_origin {
            return Err(forbidden(
                "the request comes from another site",
                "send it from the centre's own page, or from a program",
            ));
        }
        self.check_token(text(header::AUTHORIZATION))
    }

    /// Checks the headers of a request that only reads, but not what everybody may know.
    pub(crate) fn check_reader(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
        let host = text(header::HOST).unwrap_or_default();
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|h| h == host)) {
            return Err(forbidden(
                "the centre is not known under this name",
                "open it under its own address, or name it in `alerts.public_url`",
            ));
        }
        self.check_token(text(header::AUTHORIZATION))
    }

    fn check_token(&self, authorization: Option<&str>) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let brought = authorization.and_then(|a| a.strip_prefix("Bearer ")).unwrap_or_default();
        if token.as_bytes().ct_eq(brought.as_bytes()).into() {
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong",
            "send the header authorization: Bearer TOKEN, with the token of `http.token_file`",
        ))
    }
}

fn forbidden(error: &str, fix: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, error, fix)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn status(guard: &Guard, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        match guard.check(&map) {
            Ok(()) => 200,
            Err(refusal) => refusal.into_response().status().as_u16(),
        }
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
    const HOST: (&str, &str) = ("host", "127.0.0.1:8080");

    #[test]
    fn on_loopback_our_page_and_programs_pass_and_other_sites_do_not() {
        let guard = Guard::new(None, Some(vec!["127.0.0.1:8080".to_owned()]));
        for (headers, expected) in [
            (vec![JSON, HOST], 200),
            (vec![JSON, HOST, ("origin", "http://127.0.0.1:8080")], 200),
            (vec![JSON, HOST, ("sec-fetch-site", "same-origin")], 200),
            (vec![HOST], 415),
            (vec![("content-type", "text/plain"), HOST], 415),
            (vec![JSON, HOST, ("origin", "http://evil.example")], 403),
            (vec![JSON, HOST, ("origin", "null")], 403),
            (vec![JSON, HOST, ("sec-fetch-site", "cross-site")], 403),
            (vec![JSON, HOST, ("sec-fetch-site", "same-site")], 403),
            // The page of another site whose name leads here.
            (vec![JSON, ("host", "evil.example"), ("origin", "http://evil.example")], 403),
            (vec![JSON], 403),
        ] {
            assert_eq!(status(&guard, &headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn elsewhere_the_token_decides() {
        let guard = Guard::new(Some("0123456789abcdef".to_owned()), None);
        let host = ("host", "tram.example");
        for (headers, expected) in [
            (vec![JSON, host], 401),
            (vec![JSON, host, ("authorization", "Bearer wrong")], 401),
            (vec![JSON, host, ("authorization", "Bearer 0123456789abcdef")], 200),
            (
                vec![
                    JSON,
                    host,
                    ("authorization", "Bearer 0123456789abcdef"),
                    ("origin", "https://evil.example"),
                ],
                403,
            ),
        ] {
            assert_eq!(status(&guard, &headers), expected, "{headers:?}");
        }
    }
}
