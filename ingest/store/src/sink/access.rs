//! Who the centre is to an engine, and whom it takes for one.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use ureq::{
    Agent, RequestBuilder,
    config::ConfigBuilder,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
    typestate::AgentScope,
};

use super::TargetError;

/// How long finding an address may take, and then connecting to it.
const MAX_CONNECT: Duration = Duration::from_secs(5);
/// The largest head of an answer that is read, in bytes.
const MAX_ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// What an engine is shown. It never shows in a message.
pub enum Credentials {
    /// `Authorization: Token …`, as `InfluxDB` 2 has it.
    Token(String),
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// `Authorization: Basic …`.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

/// How an engine is reached. Cloning it is cheap.
#[derive(Clone, Default)]
pub struct Access {
    authorization: Option<String>,
    authorities: Option<RootCerts>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    /// With these credentials, and with certificates that were signed by `authorities` (PEM)
    /// alone; without, by those Mozilla trusts.
    ///
    /// # Errors
    /// [`TargetError`] when one of them cannot be what it is said to be.
    pub fn new(
        credentials: Option<&Credentials>,
        authorities: Option<&[u8]>,
    ) -> Result<Self, TargetError> {
        let authorization = match credentials {
            None => None,
            Some(Credentials::Token(token)) => Some(format!("Token {}", printable(token)?)),
            Some(Credentials::Bearer(token)) => Some(format!("Bearer {}", printable(token)?)),
            Some(Credentials::Basic { user, password }) => {
                if user.is_empty() || user.contains(|c: char| c == ':' || c.is_control()) {
                    return Err(TargetError::User);
                }
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
        };
        Ok(Self { authorization, authorities: authorities.map(roots).transpose()? })
    }

    /// Whether certificates of a private authority are asked for.
    #[must_use]
    pub fn private(&self) -> bool {
        self.authorities.is_some()
    }

    /// Adds the credentials to a request.
    pub(crate) fn sign<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// Somebody who sends requests; `limit` sets how long each may take.
    pub(crate) fn agent(
        &self,
        limit: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Agent {
        let mut tls = TlsConfig::builder();
        if let Some(roots) = &self.authorities {
            tls = tls.root_certs(roots.clone());
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .timeout_resolve(Some(MAX_CONNECT))
            .timeout_connect(Some(MAX_CONNECT))
            .http_status_as_error(false)
            // A redirect would carry token and readings where nobody has configured them to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_ANSWER_HEAD_BYTES)
            .user_agent(concat!("tram-store/", env!("CARGO_PKG_VERSION")));
        limit(config).build().new_agent()
    }
}

/// A token that can be in a header.
fn printable(token: &str) -> Result<&str, TargetError> {
    let sound = !token.is_empty() && token.bytes().all(|b| (0x20..0x7f).contains(&b));
    if sound { Ok(token) } else { Err(TargetError::Token) }
}

fn roots(pem: &[u8]) -> Result<RootCerts, TargetError> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| TargetError::Authorities)? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err(TargetError::Authorities) } else { Ok(certificates.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credentials: &Credentials) -> Result<String, TargetError> {
        Access::new(Some(credentials), None).map(|a| a.authorization.unwrap())
    }

    #[test]
    fn each_scheme_is_written_as_its_standard_says() {
        assert_eq!(header(&Credentials::Token("s3cret".to_owned())).unwrap(), "Token s3cret");
        assert_eq!(header(&Credentials::Bearer("s3cret".to_owned())).unwrap(), "Bearer s3cret");
        // RFC 7617 §2.
        let basic =
            Credentials::Basic { user: "Aladdin".to_owned(), password: "open sesame".to_owned() };
        assert_eq!(header(&basic).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{:?}", Access::new(Some(&basic), None)).contains("QWxh"));
    }

    #[test]
    fn nothing_adds_a_header_or_a_colon() {
        for token in ["", "a\r\nx: y", "trạm"] {
            let token = token.to_owned();
            assert_eq!(header(&Credentials::Token(token.clone())), Err(TargetError::Token));
            assert_eq!(header(&Credentials::Bearer(token)), Err(TargetError::Token));
        }
        for user in ["", "a:b", "a\n"] {
            let basic = Credentials::Basic { user: user.to_owned(), password: String::new() };
            assert_eq!(header(&basic), Err(TargetError::User));
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_no_authority() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let access = Access::new(None, Some(pem.as_bytes()));
            assert_eq!(access.unwrap_err(), TargetError::Authorities, "{pem}");
        }
    }
}
