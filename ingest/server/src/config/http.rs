//! Where the web page is, and who may change something through it.

use std::{net::SocketAddr, path::Path};

use tram_config::{Document, Mistake};

use super::File;

/// The shortest token that is accepted.
const MIN_TOKEN_BYTES: usize = 16;

/// The web page and the interface.
#[derive(Clone)]
pub(crate) struct Http {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// What a request that changes something must bring; always there when `listen` is not
    /// loopback.
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("listen", &self.listen).finish_non_exhaustive()
    }
}

pub(super) fn check(document: &Document<File>) -> Result<Http, Mistake> {
    let http = &document.value.http;
    let token = match &http.token_file {
        Some(path) => Some(token(document, path)?),
        None if http.listen.ip().is_loopback() => None,
        None => {
            return Err(document.mistake(
                "http.listen",
                format!("{} can be reached from other machines, and nothing says who may acknowledge an alarm", http.listen),
                "listen on 127.0.0.1, or add `token_file = \"FILE\"` made with: openssl rand -hex 32 > FILE",
            ));
        }
    };
    Ok(Http { listen: http.listen, token })
}

fn token(document: &Document<File>, path: &Path) -> Result<String, Mistake> {
    let mistake = |message: String| {
        document.mistake("http.token_file", message, "make it with: openssl rand -hex 32 > FILE")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| mistake(format!("{} cannot be read: {e}", path.display())))?;
    let token = text.trim();
    if token.len() < MIN_TOKEN_BYTES {
        return Err(mistake(format!(
            "{} holds a token shorter than {MIN_TOKEN_BYTES} characters",
            path.display()
        )));
    }
    Ok(token.to_owned())
}
