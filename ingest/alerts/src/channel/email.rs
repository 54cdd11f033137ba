//! Mail by SMTP. The message is made here, with an identifier that is the same at every attempt, so
//! that a server that gets it twice can tell; the connection is `lettre`'s.

use std::time::{Duration, SystemTime};

use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use tram_wire::UnixMicros;

use super::{EmailConfig, config::secret, sender::SenderError};
use crate::{Delivery, DeliveryResult, MAX_ATTEMPT, Notice};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// TLS from the start.
    Tls,
    /// TLS after `STARTTLS`, or nothing at all.
    StartTls,
    /// None, on this machine only.
    None,
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    security: Security,
    host: String,
    port: u16,
}

/// Reads `smtps://host[:port]` and the like.
fn server(url: &str) -> Option<Server> {
    let (scheme, place) = url.split_once("://")?;
    let (security, port) = match scheme {
        "smtps" => (Security::Tls, 465),
        "smtp+starttls" => (Security::StartTls, 587),
        "smtp" => (Security::None, 25),
        _ => return None,
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (place, port),
    };
    let named = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let fits = !host.is_empty() && host.len() <= 253 && host.bytes().all(named);
    let here = matches!(host, "localhost" | "127.0.0.1");
    let fits = fits && (here || security != Security::None);
    fits.then(|| Server { security, host: host.to_owned(), port })
}

/// What is wrong with a configuration: its key, and why.
pub(super) fn check(config: &EmailConfig) -> Result<(), (&'static str, &'static str)> {
    if server(&config.url).is_none() {
        return Err(("url", "not a mail server's address; without TLS only on this machine"));
    }
    if config.from.parse::<Mailbox>().is_err() {
        return Err(("from", "not a mail address"));
    }
    let password = config.password_file.is_some() || config.password_env.is_some();
    if password != config.user.is_some() {
        return Err(("user", "a user name without a password, or the other way round"));
    }
    Ok(())
}

/// The channel.
pub(crate) struct Mail {
    from: Mailbox,
    transport: SmtpTransport,
}

impl core::fmt::Debug for Mail {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mail {
    /// Fetches the password and prepares to send.
    pub(super) fn new(config: &EmailConfig) -> Result<Self, SenderError> {
        let unfit = |what: &str| SenderError::Unfit(what.to_owned());
        let server = server(&config.url).ok_or_else(|| unfit("`url` is no mail server"))?;
        let from = config.from.parse().map_err(|_| unfit("`from` is no mail address"))?;
        let tls = match server.security {
            Security::None => Tls::None,
            Security::Tls => Tls::Wrapper(parameters(config, &server.host)?),
            Security::StartTls => Tls::Required(parameters(config, &server.host)?),
        };
        let mut builder = SmtpTransport::builder_dangerous(server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(MAX_ATTEMPT));
        let password = secret(config.password_file.as_ref(), config.password_env.as_ref())?;
        if let (Some(user), Some(password)) = (&config.user, password) {
            let credentials = Credentials::new(user.clone(), password.text().to_owned());
            builder = builder.credentials(credentials);
        }
        Ok(Self { from, transport: builder.build() })
    }

    /// Sends one message and waits for the server to take it.
    pub(super) fn send(
        &self,
        delivery: &Delivery,
        notice: &Notice,
        now: UnixMicros,
    ) -> DeliveryResult {
        let message = match message(&self.from, &delivery.address, notice, now) {
            Ok(message) => message,
            Err(why) => return DeliveryResult::Refused(why),
        };
        match self.transport.send(&message) {
            Ok(answer) if answer.is_positive() => DeliveryResult::Sent(Some(notice.key.clone())),
            Ok(answer) => DeliveryResult::Failed(format!("answered {}", answer.code())),
            Err(error) if error.is_permanent() => DeliveryResult::Refused(error.to_string()),
            // A second copy has the same identifier, so nothing is lost by trying again.
            Err(error) => DeliveryResult::Failed(error.to_string()),
        }
    }
}

fn parameters(config: &EmailConfig, host: &str) -> Result<TlsParameters, SenderError> {
    let unfit = |error: &dyn core::fmt::Display| SenderError::Unfit(error.to_string());
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path)
            .map_err(|error| SenderError::Unfit(format!("{}: {error}", path.display())))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unfit(&error))?;
        builder =
            builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| unfit(&error))
}

/// The mail.
fn message(from: &Mailbox, to: &str, notice: &Notice, now: UnixMicros) -> Result<Message, String> {
    let to: Mailbox = to.parse().map_err(|error| format!("`{to}` is no mail address: {error}"))?;
    let since = Duration::from_micros(u64::try_from(now.0).unwrap_or(0));
    Message::builder()
        .from(from.clone())
        .to(to)
        .subject(notice.subject.replace(char::is_control, " "))
        .date(SystemTime::UNIX_EPOCH + since)
        .message_id(Some(format!("<{}@{}>", notice.key, from.email.domain())))
        // RFC 3834 §5: nobody's holiday answer comes back.
        .raw_header(header::HeaderValue::new(
            header::HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .header(header::ContentType::TEXT_PLAIN)
        .body(notice.text())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channel::tests::notice, fixture::START};

    #[test]
    fn without_encryption_mail_stays_on_this_machine() {
        let place = |url: &str| server(url).map(|s| (s.security, s.port));
        assert_eq!(place("smtps://mail.example.gov.vn"), Some((Security::Tls, 465)));
        assert_eq!(place("smtp+starttls://mail.example.gov.vn"), Some((Security::StartTls, 587)));
        assert_eq!(place("smtp://127.0.0.1:2525"), Some((Security::None, 2525)));
        for bad in
            ["smtp://mail.example.gov.vn", "http://x", "smtps://", "smtps://a b", "smtps://a:x"]
        {
            assert_eq!(place(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_mail_is_the_same_at_every_attempt_and_reads_in_vietnamese() {
        let from: Mailbox = "Trạm <warnings@example.gov.vn>".parse().unwrap();
        let mail = |n: &Notice| message(&from, "an@example.gov.vn", n, START).unwrap().formatted();
        let text = String::from_utf8(mail(&notice())).unwrap();
        assert_eq!(mail(&notice()), mail(&notice()));
        assert!(text.contains("Message-ID: <0a0b0c@example.gov.vn>"), "{text}");
        assert!(text.contains("Auto-Submitted: auto-generated"), "{text}");
        assert!(text.contains("Date: Mon, 09 Sep 2024 01:00:00 +0000"), "{text}");
        assert!(text.contains("utf-8") && text.contains("=?utf-8?b?"), "{text}");
        let mut odd = notice();
        odd.subject = "x\r\nBcc: everybody@example.gov.vn".to_owned();
        let text = String::from_utf8(mail(&odd)).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(head.contains("Subject: x  Bcc: everybody") && !head.contains("\nBcc"), "{head}");
        assert!(message(&from, "nobody", &notice(), START).is_err());
    }
}
