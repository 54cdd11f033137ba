//! An engine that says what a test tells it to, with or without TLS.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Status line and body for a request's method and target.
pub(crate) type Answers = fn(&str) -> (&'static str, String);

/// The engine.
pub(crate) struct Fake {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Answers until the test ends.
    pub(crate) fn start(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        answers: Answers,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = || ServerConnection::new(Arc::clone(tls.as_ref()?)).ok();
                // Whether the centre still listens is its own affair.
                let _ = match connection() {
                    None => serve(stream, &heard, answers),
                    Some(connection) => {
                        serve(StreamOwned::new(connection, stream), &heard, answers)
                    }
                };
            }
        });
        Self { address, requests }
    }

    /// The first lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: impl Read + Write,
    requests: &Mutex<Vec<String>>,
    answers: Answers,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap_or(0))];
    reader.read_exact(&mut body)?;
    let (status, body) = answers(&line);
    requests.lock().unwrap().push(line);
    let length = body.len();
    let out = reader.get_mut();
    write!(
        out,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    out.flush()
}

/// A certificate for 127.0.0.1, and its authority in `ca.pem`. `None`, said on stderr, without
/// openssl.
pub(crate) fn certified(folder: &Path) -> Option<Arc<ServerConfig>> {
    let script = "set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj '/CN=Test authority' -addext basicConstraints=critical,CA:TRUE \
            -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=engine \
            -keyout engine.key -out engine.csr
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in engine.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out engine.pem";
    let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder).output();
    let made = made.unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    if said.contains("not found") {
        eprintln!("skipped: openssl is not installed (apt install openssl)");
        return None;
    }
    assert!(made.status.success(), "{said}");
    let chain = CertificateDer::pem_file_iter(folder.join("engine.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("engine.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Some(Arc::new(config.unwrap()))
}
