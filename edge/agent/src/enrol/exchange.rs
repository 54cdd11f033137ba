//! One request to the centre and its answer, over TLS.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName,
};
use tram_wire::{EnrolAnswer, EnrolRequest, Enrolment, MAX_ENROL_BYTES};

/// Where the centre enrols when nothing else is said.
pub(super) const PORT: u16 = 8884;
/// How long a connection may take, and each read and write on it. A mobile network in a valley is
/// slow; the centre waits no longer than that either.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the centre enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Centre {
    host: String,
    port: u16,
}

impl FromStr for Centre {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not an address; write HOST:PORT, such as centre.example.org:{PORT}"
            )
        };
        // An IPv6 address stands in brackets, which hold colons of their own.
        let end = text.rfind(']').map_or(0, |i| i + 1);
        let (host, port) = match text.get(end..).and_then(|r| r.find(':')) {
            Some(colon) => {
                let (host, port) = text.split_at(end + colon);
                (host, port.trim_start_matches(':').parse().map_err(|_| wrong())?)
            }
            None => (text, PORT),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Centre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Centre {
    /// The host as a name or an address, without brackets.
    fn bare(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Nobody is there, or the way there is closed.
    Unreachable(String),
    /// Somebody is there who is not the centre that made the code.
    NotTheCentre,
    /// The centre, but under another name than its certificate has.
    OtherName,
    /// By the node's clock the centre's certificate has ended.
    Expired,
    /// The centre does not take the node's certificate.
    NotTaken,
    /// It speaks something else.
    Unreadable(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the centre cannot be reached: {why}"),
            Self::NotTheCentre => f.write_str("whoever answers is not this node's centre"),
            Self::OtherName => f.write_str("the centre's certificate has another name"),
            Self::Expired => {
                f.write_str("by this node's clock the centre's certificate has expired")
            }
            Self::NotTaken => f.write_str("the centre does not take this node's certificate"),
            Self::Unreadable(why) => write!(f, "the answer cannot be read: {why}"),
        }
    }
}

/// Asks the centre and waits for its answer.
///
/// # Errors
/// [`NoAnswer`]; the centre may have taken the request all the same.
pub(super) fn exchange(
    centre: &Centre,
    tls: ClientConfig,
    request: &EnrolRequest,
) -> Result<EnrolAnswer, NoAnswer> {
    let unreadable = |e: &dyn fmt::Display| NoAnswer::Unreadable(e.to_string());
    let bytes = request.encode().map_err(|e| unreadable(&e))?;
    let length = u32::try_from(bytes.len()).map_err(|e| unreadable(&e))?;
    let name = ServerName::try_from(centre.bare().to_owned())
        .map_err(|e| NoAnswer::Unreachable(e.to_string()))?;
    let connection = ClientConnection::new(Arc::new(tls), name).map_err(|e| unreadable(&e))?;
    let socket = connect(centre).map_err(|e| NoAnswer::Unreachable(e.to_string()))?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut talk = || {
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&bytes)?;
        stream.flush()?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_ENROL_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    let answer = talk().map_err(|e| explain(&e))?;
    Enrolment::decode(&answer).map_err(|e| unreadable(&e))
}

/// Connects to the first of the host's addresses that answers.
fn connect(centre: &Centre) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (centre.bare(), centre.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => {
                socket.set_read_timeout(Some(PATIENCE))?;
                socket.set_write_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn explain(error: &io::Error) -> NoAnswer {
    use rustls::{AlertDescription as Alert, Error};
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                NoAnswer::OtherName
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                NoAnswer::Expired
            }
            _ => NoAnswer::NotTheCentre,
        },
        Some(Error::NoCertificatesPresented) => NoAnswer::NotTheCentre,
        Some(Error::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::AccessDenied,
        )) => NoAnswer::NotTaken,
        Some(other) => NoAnswer::Unreadable(other.to_string()),
        None if error.kind() == io::ErrorKind::InvalidData => {
            NoAnswer::Unreadable(error.to_string())
        }
        None => NoAnswer::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_centres_are_taken_apart() {
        let parts = |s: &str| s.parse::<Centre>().map(|c| (c.bare().to_owned(), c.port));
        assert_eq!(parts("c.example.org:9"), Ok(("c.example.org".into(), 9)));
        assert_eq!(parts("c.example.org"), Ok(("c.example.org".into(), PORT)));
        assert_eq!(parts("[::1]:7"), Ok(("::1".into(), 7)));
        assert_eq!(parts("[::1]"), Ok(("::1".into(), PORT)));
        for bad in ["", ":1", "a:b", "a:99999", "https://a", "u@h"] {
            assert!(parts(bad).is_err_and(|e| e.contains("HOST:PORT")), "{bad}");
        }
        assert_eq!("[::1]:7".parse::<Centre>().unwrap().to_string(), "[::1]:7");
    }

    #[test]
    fn nobody_there_is_said_as_that() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let centre: Centre = socket.local_addr().unwrap().to_string().parse().unwrap();
        drop(socket);
        let request = EnrolRequest {
            node: tram_wire::NodeId::new("a").unwrap(),
            secret: None,
            request: Vec::new(),
        };
        let tls = super::super::trust::by_pin([0; 10]).unwrap();
        let error = exchange(&centre, tls, &request).unwrap_err();
        assert!(matches!(error, NoAnswer::Unreachable(_)), "{error}");
    }
}
